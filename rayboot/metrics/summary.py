"""The figures of an evaluation or a rollout, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from rayboot.attempts import Chain, chains_by_problem, solved_by
from rayboot.attempts.chains import Attempts
from rayboot.metrics.breakdown import compilation_rate, pass_values
from rayboot.metrics.intervals import Interval, bootstrap_interval, ratio_interval
from rayboot.metrics.pass_at_k import pass_at_k


def attempt_metrics(attempts: Attempts, ks: Sequence[int] = (1,)) -> dict[str, float]:
    """The numbers of an evaluation or a rollout.

    Args:
        attempts: All rounds of all samples; every problem has the same number of samples.
        ks: The k of each `pass@k` and `repair@k`.

    Returns:
        `pass@k`: first attempts alone. `repair@k`: the same, where a sample counts as solved when its first attempt
        or one of its repairs passes. `repair_rate`: share of the chains failing at first that a repair solved
        (0 when none failed). `problems`, `attempts`, `skipped` (attempts never made), and the sums `prompt_tokens`
        and `completion_tokens`. A problem whose first prompt did not fit counts as unsolved.

    Raises:
        ValueError: A problem with attempts has fewer samples than a k asks for.
    """
    by_problem = chains_by_problem(attempts)
    chains = [chain for several in by_problem.values() for chain in several]
    failing = [chain for chain in chains if chain[0].made and not chain[0].passed]
    steps = [step for chain in chains for step in chain]
    made = [step for step in steps if step.made]
    return {
        **{f"pass@{k}": _mean(pass_values(by_problem, k).values()) for k in ks},
        **{f"repair@{k}": _mean(pass_values(by_problem, k, rounds=None).values()) for k in ks},
        "repair_rate": _mean(solved_by(chain, len(chain)) for chain in failing),
        "problems": len(by_problem),
        "attempts": len(made),
        "skipped": len(steps) - len(made),
        "prompt_tokens": sum(step.prompt_tokens for step in made),
        "completion_tokens": sum(step.completion_tokens for step in made),
    }


def _mean(values: Iterable[float]) -> float:
    return fmean([*values] or [0.0])


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
