"""The figures of an evaluation or a rollout, with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rayboot.attempts import Chain, chains_by_problem, solved_by
from rayboot.attempts.chains import Attempts
from rayboot.metrics.breakdown import compilation_rate, pass_values, public_only_rate
from rayboot.metrics.intervals import Interval, bootstrap_interval, ratio_interval
from rayboot.metrics.pass_at_k import pass_at_k
from rayboot.metrics.rows import SplitMetrics


def attempt_metrics(
    attempts: Attempts, ks: Sequence[int] = (1,), public_tests: Mapping[str, int] | None = None
) -> SplitMetrics:
    """Measure an evaluation or a rollout.

    Args:
        attempts: All rounds of all samples; every problem has the same number of samples.
        ks: The k of each `pass@k` and `repair@k`.
        public_tests: Number of public tests of each problem that has hidden ones too, for `public_only`.

    Raises:
        ValueError: A problem with attempts has fewer samples than a k asks for.
    """
    by_problem = chains_by_problem(attempts)
    steps = [step for chains in by_problem.values() for chain in chains for step in chain]
    made = [step for step in steps if step.made]
    intervals = metric_intervals(by_problem, ks) if by_problem else {}
    public_only = public_only_rate(by_problem, public_tests or {})
    if public_only is not None:
        intervals["public_only"] = public_only
    means = {name: interval.mean for name, interval in intervals.items()}
    names = [f"{kind}@{k}" for kind in ("pass", "repair") for k in ks]
    return SplitMetrics(
        rates={name: means.get(name, 0.0) for name in names},
        repair_rate=means.get("repair_rate", 0.0),
        problems=len(by_problem),
        attempts=len(made),
        skipped=len(steps) - len(made),
        prompt_tokens=sum(step.prompt_tokens for step in made),
        completion_tokens=sum(step.completion_tokens for step in made),
        public_only=means.get("public_only"),
        intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
    )


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
