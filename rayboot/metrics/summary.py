"""The metrics of an evaluation or a rollout, with 95 % intervals."""

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
    """Return the metrics of an evaluation or a rollout.

    Args:
        attempts: All rounds of all samples; every problem has the same number of samples.
        ks: Values of k for `pass@k` and `repair@k`.
        public_tests: Number of public tests of each problem that also has hidden ones, for `public_only`.

    Raises:
        ValueError: A problem with attempts has fewer samples than the largest k.
    """
    by_problem = chains_by_problem(attempts)
    steps = [step for chains in by_problem.values() for chain in chains for step in chain]
    generated = [step for step in steps if step.generated]
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
        attempts=len(generated),
        skipped=len(steps) - len(generated),
        prompt_tokens=sum(step.prompt_tokens for step in generated),
        completion_tokens=sum(step.completion_tokens for step in generated),
        public_only=means.get("public_only"),
        intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
    )


def pass_at_k_interval(counts: Iterable[tuple[int, int]], k: int) -> Interval:
    """Return pass@k of a table of counts, as published in papers: (n, c) samples and passing samples per problem.

    Raises:
        ValueError: There are no counts, or a problem has fewer samples than `k`.
    """
    return bootstrap_interval([pass_at_k(n, c, k) for n, c in counts])


def metric_intervals(attempts: Attempts, ks: Sequence[int] = (1,)) -> dict[str, Interval]:
    """Return intervals of the rates of `attempt_metrics`, by name, and of `compilation_rate`.

    `repair_rate` is left out if no first attempt failed, and `compilation_rate` if there is no program.

    Raises:
        ValueError: There are no attempts, or a problem has fewer samples than the largest k.
    """
    chains = chains_by_problem(attempts)
    rates = {"repair_rate": _repair_rate(chains), "compilation_rate": compilation_rate(chains)}
    return {
        **{f"pass@{k}": bootstrap_interval(list(pass_values(chains, k).values())) for k in ks},
        **{f"repair@{k}": bootstrap_interval(list(pass_values(chains, k, rounds=None).values())) for k in ks},
        **{name: rate for name, rate in rates.items() if rate is not None},
    }


def _repair_rate(by_problem: Mapping[str, Sequence[Chain]]) -> Interval | None:
    failing = [[chain for chain in chains if chain[0].is_wrong] for chains in by_problem.values()]
    repaired = [sum(solved_by(chain, len(chain)) for chain in chains) for chains in failing]
    return ratio_interval(repaired, [len(chains) for chains in failing])
