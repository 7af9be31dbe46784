"""What attempts show beside pass@k: what compiles, what repairs change, and how far failing programs come."""

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
    """How often repairs of programs that failed in one way ended in another."""

    before: str
    """Kind of the program's failure: the verdict's status, or the exception's name where it raised."""
    after: str
    """The same of its repair; `passed` is what one hopes for."""
    count: int
    share: Interval
    """Of all repairs of `before`."""


def pass_values(attempts: Attempts, k: int = 1, rounds: int | None = 0) -> dict[str, float]:
    """pass@k of each problem, for `bootstrap_interval` and `paired_by_problem`.

    Args:
        rounds: A sample counts as solved when its first attempt or one of its first so many repairs passes: 0 for
            pass@k, None (all repairs) for repair@k.

    Raises:
        ValueError: A problem with attempts has fewer samples than `k`.
    """
    return {
        problem: _pass_value([chain for chain in chains if chain[0].made], k, rounds)
        for problem, chains in chains_by_problem(attempts).items()
    }


def _pass_value(chains: Sequence[Chain], k: int, rounds: int | None) -> float:
    solved = sum(solved_by(chain, len(chain) if rounds is None else rounds) for chain in chains)
    return pass_at_k(len(chains), solved, k) if chains else 0.0


def rounds_curve(attempts: Attempts) -> list[Interval]:
    """Share of samples solved after round 0, 1, .. up to the last round that any chain has.

    Raises:
        ValueError: There are no attempts.
    """
    chains = chains_by_problem(attempts)
    last = max((chain[-1].round for several in chains.values() for chain in several), default=0)
    return [
        bootstrap_interval(
            [fmean([solved_by(chain, rounds) for chain in several]) for several in chains.values()]
        )
        for rounds in range(last + 1)
    ]


def compilation_rate(attempts: Attempts, round: int = 0) -> Interval | None:
    """Share of the round's programs without a syntax error; None if the round has no program."""
    made = [
        [step for chain in chains for step in chain if step.made and step.round == round]
        for chains in chains_by_problem(attempts).values()
    ]
    compiling = [sum(step.status != "syntax_error" for step in steps) for steps in made]
    return ratio_interval(compiling, [len(steps) for steps in made]) if made else None


def public_only_rate(attempts: Attempts, public: Mapping[str, int]) -> Interval | None:
    """Share of programs, first attempts and repairs, that pass all public tests and fail a hidden one.

    It grows when a model learns to satisfy the tests that it is shown, whatever the task. Public tests run first, so
    the first failing test tells. Programs that the sandbox could not judge do not count.

    Args:
        public: Number of public tests of each problem that has public and hidden ones; others are left out.

    Returns:
        None if there is no program of such a problem.
    """
    judged = [
        (
            public[problem],
            [step for chain in chains for step in chain if step.made and step.status != "sandbox_error"],
        )
        for problem, chains in chains_by_problem(attempts).items()
        if problem in public
    ]
    alone = [
        sum(not step.passed and (step.failing_test or 0) >= shown for step in steps)
        for shown, steps in judged
    ]
    return ratio_interval(alone, [len(steps) for _, steps in judged]) if judged else None


def error_transitions(attempts: Attempts) -> list[Transition]:
    """What gets repaired into what, over all rounds; the most frequent kind of failure first."""
    by_problem = [
        Counter(
            (before.kind, after.kind) for chain in chains for before, after in pairwise(chain) if after.made
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
    """Share of a problem's tests that were passed before the first that failed; 1 for a program that passes.

    Tests run in their order, and the first failure ends the run: how many of the later ones would pass is not
    known. So this is a lower bound of the share of tests that a program passes.

    Args:
        tests: Number of tests of each problem.

    Returns:
        None if the round has no program.
    """
    reached = [
        [
            1.0 if step.passed else (step.failing_test or 0) / tests[problem]
            for chain in chains
            for step in chain
            if step.made and step.round == round
        ]
        for problem, chains in chains_by_problem(attempts).items()
    ]
    values = [fmean(shares) for shares in reached if shares]
    return bootstrap_interval(values) if values else None
