"""First attempts with repairs against first attempts alone, at equal cost (Olausson et al. 2023, arXiv 2306.09896).

They bootstrap subtrees from a large tree of recorded repairs. The mean of such draws without replacement is known
exactly: the estimator of Chen et al. (2021) over chains instead of samples. It is used here in place of draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from rayboot.attempts import solved_by
from rayboot.metrics import Interval, Paired, bootstrap_interval, fractional_pass_at_k, paired, pass_at_k
from rayboot.studies.recorded import Cost, RecordedAttempts, RecordedProblem
from rayboot.values import Frozen


class Mix(Frozen):
    """A design: N first attempts, each with up to R repairs while it fails."""

    samples: int
    """N."""
    rounds: int
    """R."""

    def __str__(self) -> str:
        return f"{self.samples} x {self.rounds}"


class MixResult(Frozen):
    """A mix, and sampling alone at the cost of the mix on each problem."""

    mix: Mix
    cost: float
    """Mean over problems."""
    attempts: float
    """Number of attempts in the mix, mean over problems."""
    equal_samples: float
    """Number of first attempts at equal cost, mean over problems."""
    solved: Interval
    """Share of problems solved by the mix."""
    sampled: Interval
    """Share of problems solved by sampling alone."""
    difference: Paired
    """Mix minus sampling."""


class _Value(NamedTuple):
    """The quantities of `MixResult` on one problem."""

    cost: float
    attempts: float
    equal_samples: float
    solved: float
    sampled: float


def measurable_mixes(recorded: RecordedAttempts, cost: Cost) -> Iterator[MixResult]:
    """Yield results for 1, 2, 4, .. first attempts with 1, 2, .. rounds, while there are enough samples."""
    for rounds in range(1, recorded.rounds + 1):
        samples = 1
        while result := compare_mix(recorded.problems, Mix(samples=samples, rounds=rounds), cost):
            yield result
            samples *= 2


def compare_mix(problems: Sequence[RecordedProblem], mix: Mix, cost: Cost) -> MixResult | None:
    """Compare one mix with sampling alone; None if a problem has too few recorded chains or first attempts."""
    values: list[_Value] = []
    for problem in problems:
        if (value := _value(problem, mix, cost)) is None:
            return None
        values.append(value)
    costs, attempts, equal_samples, solved, sampled = zip(*values, strict=True)
    return MixResult(
        mix=mix,
        cost=fmean(costs),
        attempts=fmean(attempts),
        equal_samples=fmean(equal_samples),
        solved=bootstrap_interval(solved),
        sampled=bootstrap_interval(sampled),
        difference=paired(solved, sampled),
    )


def _value(problem: RecordedProblem, mix: Mix, cost: Cost) -> _Value | None:
    chains, firsts = problem.chains, problem.firsts
    if not chains:
        return _Value(0.0, 0.0, 0.0, 0.0, 0.0)
    generated = [[step for step in chain[: mix.rounds + 1] if step.generated] for chain in chains]
    spent = mix.samples * fmean(sum(map(cost, steps)) for steps in generated)
    equal = spent / fmean(map(cost, firsts))
    if mix.samples > len(chains) or equal > len(firsts):
        return None
    repaired = sum(solved_by(chain, mix.rounds) for chain in chains)
    passed = sum(step.passed for step in firsts)
    return _Value(
        cost=spent,
        attempts=mix.samples * fmean(map(len, generated)),
        equal_samples=equal,
        solved=pass_at_k(len(chains), repaired, mix.samples),
        sampled=fractional_pass_at_k(len(firsts), passed, equal),
    )
