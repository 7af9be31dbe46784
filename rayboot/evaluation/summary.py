"""The figures of an evaluation with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rayboot.evaluation.breakdown import compilation_rate, pass_values
from rayboot.evaluation.chains import Attempts, Chain, chains_by_problem, solved_by
from rayboot.evaluation.intervals import Interval, bootstrap_interval
from rayboot.evaluation.pass_at_k import pass_at_k
from rayboot.evaluation.ratios import ratio_interval


def pass_at_k_interval(counts: Iterable[tuple[int, int]], k: int) -> Interval:
    """pass@k of a table of counts, as papers publish them: samples (n) and passing samples (c) of each problem.

    Raises:
        ValueError: There are no counts, or a problem has fewer samples than `k`.
    """
    return bootstrap_interval([pass_at_k(n, c, k) for n, c in counts])


def metric_intervals(attempts: Attempts, ks: Sequence[int] = (1,)) -> dict[str, Interval]:
    """Intervals of what `attempt_metrics` gives under the same names, and `compilation_rate`.

    A rate is left out where nothing was to be repaired, or no program made.

    Raises:
        ValueError: There are no attempts, or a problem has fewer samples than a k asks for.
    """
    chains = chains_by_problem(attempts)
    rates = {"repair_rate": _repair_rate(chains), "compilation_rate": compilation_rate(chains)}
    return {
        **{f"pass@{k}": bootstrap_interval(list(pass_values(chains, k).values())) for k in ks},
        **{f"repair@{k}": bootstrap_interval(list(pass_values(chains, k, rounds=None).values())) for k in ks},
        **{name: rate for name, rate in rates.items() if rate is not None},
    }


def _repair_rate(by_problem: Mapping[str, Sequence[Chain]]) -> Interval | None:
    failing = [
        [chain for chain in chains if chain[0].made and not chain[0].passed] for chains in by_problem.values()
    ]
    repaired = [sum(solved_by(chain, len(chain)) for chain in chains) for chains in failing]
    return ratio_interval(repaired, [len(chains) for chains in failing])
