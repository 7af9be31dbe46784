"""Metrics of attempts beside pass@k: compilation, changes by repairs, tests passed by failing programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from rayboot.attempts import Chain, chains_by_problem, solved_by
from rayboot.attempts.chains import Attempts
from rayboot.metrics.intervals import Interval, bootstrap_interval, ratio_interval
from rayboot.metrics.pass_at_k import pass_at_k
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


def pass_values(attempts: Attempts, k: int = 1, rounds: int | None = 0) -> dict[str, float]:
    """Return pass@k of each problem, for `bootstrap_interval` and `paired_by_problem`.

    Args:
        rounds: Number of repairs that count: a sample is solved if the first attempt or one of these passes. 0 for
            pass@k, None (all repairs) for repair@k.

    Raises:
        ValueError: A problem with attempts has fewer samples than `k`.
    """
    return {
        problem: _pass_value([chain for chain in chains if chain[0].generated], k, rounds)
        for problem, chains in chains_by_problem(attempts).items()
    }


def _pass_value(chains: Sequence[Chain], k: int, rounds: int | None) -> float:
    solved = sum(solved_by(chain, len(chain) if rounds is None else rounds) for chain in chains)
    return pass_at_k(len(chains), solved, k) if chains else 0.0


def rounds_curve(attempts: Attempts) -> list[Interval]:
    """Return the share of samples solved after round 0, 1, .. up to the last round of any chain.

    Raises:
        ValueError: There are no attempts.
    """
    by_problem = chains_by_problem(attempts)
    last = max((chain[-1].round for chains in by_problem.values() for chain in chains), default=0)
    return [
        bootstrap_interval(
            [fmean([solved_by(chain, rounds) for chain in chains]) for chains in by_problem.values()]
        )
        for rounds in range(last + 1)
    ]


def compilation_rate(attempts: Attempts, round: int = 0) -> Interval | None:
    """Return the share of the round's programs without a syntax error; None if the round has no program."""
    generated = [
        [step for chain in chains for step in chain if step.generated and step.round == round]
        for chains in chains_by_problem(attempts).values()
    ]
    compiling = [sum(step.status != "syntax_error" for step in steps) for steps in generated]
    return ratio_interval(compiling, [len(steps) for steps in generated]) if generated else None


def public_only_rate(attempts: Attempts, public: Mapping[str, int]) -> Interval | None:
    """Return the share of programs, repairs included, that pass all public tests and fail a hidden one.

    It grows if a model learns to satisfy the tests in prompts instead of the task. Public tests run first, so the index
    of the first failing test decides. Programs that the sandbox could not judge do not count.

    Args:
        public: Number of public tests of each problem that has public and hidden tests; other problems are left out.

    Returns:
        None if there is no program of such a problem.
    """
    judged = [
        (
            public[problem],
            [step for chain in chains for step in chain if step.generated and step.status != "sandbox_error"],
        )
        for problem, chains in chains_by_problem(attempts).items()
        if problem in public
    ]
    public_only = [
        sum(not step.passed and (step.failing_test or 0) >= number for step in steps)
        for number, steps in judged
    ]
    return ratio_interval(public_only, [len(steps) for _, steps in judged]) if judged else None


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

    The first failing test ends a run, so this is a lower bound of the share of tests that a program passes.

    Args:
        tests: Number of tests of each problem.

    Returns:
        None if the round has no program.
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
