"""Metrics of attempts: pass@k and repair@k, compilation, outcomes of repairs, tests passed by failing programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from rayboot.attempts import Chain, chains_by_problem, solved_by
from rayboot.attempts.chains import Attempts
from rayboot.metrics.intervals import Interval, bootstrap_interval, ratio_interval
from rayboot.metrics.pass_at_k import pass_at_k
from rayboot.metrics.rows import SplitMetrics
from rayboot.values import Frozen


class Transition(Frozen):
    """The repairs of one kind of failure that have one outcome."""

    before: str
    """Kind of the failure: the verdict's status, or the exception's name if the program raised."""
    after: str
    """Kind of the repair: `passed`, or a failure as in `before`."""
    count: int
    share: Interval
    """Share of all repairs of `before`."""


def attempt_metrics(
    attempts: Attempts, ks: Sequence[int] = (1,), public_tests: Mapping[str, int] | None = None
) -> SplitMetrics:
    """Return the metrics of an evaluation or a rollout.

    Raise ValueError if a problem with attempts has fewer samples than the largest k.

    Args:
        attempts: All rounds of all samples; every problem has the same number of samples.
        ks: Values of k for `pass@k` and `repair@k`.
        public_tests: Number of public tests of each problem that also has hidden ones, for `public_only`.
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


def metric_intervals(attempts: Attempts, ks: Sequence[int] = (1,)) -> dict[str, Interval]:
    """Return intervals of the rates of `attempt_metrics`, by name, and of `compilation_rate`.

    `repair_rate` is left out if no first attempt failed, and `compilation_rate` if there is no program. Raise
    ValueError if there are no attempts, or a problem has fewer samples than the largest k.
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


def pass_at_k_interval(counts: Iterable[tuple[int, int]], k: int) -> Interval:
    """Return pass@k of a table of counts, as published in papers: (n, c) samples and passing samples per problem.

    Raise ValueError if there are no counts, or a problem has fewer samples than `k`.
    """
    return bootstrap_interval([pass_at_k(n, c, k) for n, c in counts])


def pass_values(attempts: Attempts, k: int = 1, rounds: int | None = 0) -> dict[str, float]:
    """Return pass@k of each problem, for `bootstrap_interval` and `paired_by_problem`.

    Raise ValueError if a problem with attempts has fewer samples than `k`.

    Args:
        rounds: Number of repairs that count: a sample is solved if the first attempt or one of these passes. 0 for
            pass@k, None (all repairs) for repair@k.
    """
    values = {}
    for problem, chains in chains_by_problem(attempts).items():
        generated = [chain for chain in chains if chain[0].generated]
        solved = sum(solved_by(chain, len(chain) if rounds is None else rounds) for chain in generated)
        values[problem] = pass_at_k(len(generated), solved, k) if generated else 0.0
    return values


def rounds_curve(attempts: Attempts) -> list[Interval]:
    """Return the share of samples solved after round 0, 1, .. up to the last round of any chain.

    Raise ValueError if there are no attempts.
    """
    by_problem = chains_by_problem(attempts).values()
    last = max((chain[-1].round for chains in by_problem for chain in chains), default=0)
    return [
        bootstrap_interval([fmean(solved_by(chain, rounds) for chain in chains) for chains in by_problem])
        for rounds in range(last + 1)
    ]


def compilation_rate(attempts: Attempts, round: int = 0) -> Interval | None:
    """Return the share of the round's programs without a syntax error; None if the round has no program."""
    generated = [
        [step for chain in chains for step in chain if step.generated and step.round == round]
        for chains in chains_by_problem(attempts).values()
    ]
    compiling = [sum(step.status != "syntax_error" for step in steps) for steps in generated]
    return ratio_interval(compiling, [*map(len, generated)]) if generated else None


def public_only_rate(attempts: Attempts, public: Mapping[str, int]) -> Interval | None:
    """Return the share of programs, repairs included, that pass all public tests and fail a hidden one.

    It grows if a model learns to satisfy the tests in prompts instead of the task. Public tests run first, so the index
    of the first failing test decides. Programs that the sandbox could not judge do not count. Return None if there is
    no program of a problem in `public`.

    Args:
        public: Number of public tests of each problem that has public and hidden tests; other problems are left out.
    """
    judged = {
        problem: [
            step for chain in chains for step in chain if step.generated and step.status != "sandbox_error"
        ]
        for problem, chains in chains_by_problem(attempts).items()
        if problem in public
    }
    public_only = [
        sum(not step.passed and (step.failing_test or 0) >= public[problem] for step in steps)
        for problem, steps in judged.items()
    ]
    return ratio_interval(public_only, [*map(len, judged.values())]) if judged else None


def error_transitions(attempts: Attempts) -> list[Transition]:
    """Return the outcomes of repairs by the kind of failure, over all rounds; the most frequent kind first."""
    by_problem = [
        Counter(
            (before.kind, after.kind)
            for chain in chains
            for before, after in pairwise(chain)
            if after.generated
        )
        for chains in chains_by_problem(attempts).values()
    ]
    total: Counter[tuple[str, str]] = sum(by_problem, Counter())
    repairs = Counter[str]()
    for (before, _), count in total.items():
        repairs[before] += count
    ordered = sorted(total, key=lambda pair: (-repairs[pair[0]], pair[0], -total[pair], pair[1]))
    return [
        Transition(before=before, after=after, count=total[before, after], share=share)
        for before, after in ordered
        if (share := _share(by_problem, before, after))
    ]


def _share(by_problem: Sequence[Counter[tuple[str, str]]], before: str, after: str) -> Interval | None:
    counts = [counter[before, after] for counter in by_problem]
    bases = [sum(n for (kind, _), n in counter.items() if kind == before) for counter in by_problem]
    return ratio_interval(counts, bases)


def partial_success(attempts: Attempts, tests: Mapping[str, int], round: int = 0) -> Interval | None:
    """Return the mean share of a problem's tests before the first failing one; 1 for a program that passes.

    The first failing test ends a run, so this is a lower bound of the share of tests that a program passes. Return None
    if the round has no program.

    Args:
        tests: Number of tests of each problem.
    """
    by_problem = [
        [
            1.0 if step.passed else (step.failing_test or 0) / tests[problem]
            for chain in chains
            for step in chain
            if step.generated and step.round == round
        ]
        for problem, chains in chains_by_problem(attempts).items()
    ]
    values = [fmean(shares) for shares in by_problem if shares]
    return bootstrap_interval(values) if values else None
