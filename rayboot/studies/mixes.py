"""First attempts with repairs against first attempts alone, at the same cost (Olausson et al. 2023, arXiv 2306.09896).

There, subtrees are drawn again and again from a large tree of recorded repairs. What such draws, without replacement,
have for a mean is known exactly: Chen et al.'s estimator, over chains instead of samples. So nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from rayboot.attempts import solved_by
from rayboot.metrics import Interval, Paired, bootstrap_interval, fractional_pass_at_k, paired, pass_at_k
from rayboot.studies.recorded import Cost, Pool, ProblemPool
from rayboot.values import Frozen


class Mix(Frozen):
    """So many first attempts, each with up to so many repairs while it fails."""

    samples: int
    rounds: int

    def __str__(self) -> str:
        return f"{self.samples} x {self.rounds}"


class MixResult(Frozen):
    """A mix, and sampling alone at what the mix costs on each problem."""

    mix: Mix
    cost: float
    """Mean over problems."""
    attempts: float
    """That the mix makes: mean over problems."""
    equal_samples: float
    """First attempts that the same cost buys: mean over problems."""
    solved: Interval
    """Share of problems solved by the mix."""
    sampled: Interval
    """Share of problems solved by sampling alone."""
    difference: Paired
    """Mix minus sampling."""


class _Value(NamedTuple):
    """One problem."""

    cost: float
    attempts: float
    equal_samples: float
    solved: float
    sampled: float


def measurable_mixes(pool: Pool, cost: Cost) -> Iterator[MixResult]:
    """1, 2, 4, .. first attempts with 1, 2, .. rounds, as far as the pool has enough samples for the same cost."""
    for rounds in range(1, pool.rounds + 1):
        samples = 1
        while result := compare_mix(pool.problems, Mix(samples=samples, rounds=rounds), cost):
            yield result
            samples *= 2


def compare_mix(problems: Sequence[ProblemPool], mix: Mix, cost: Cost) -> MixResult | None:
    """Compare one mix with sampling; None where the pool is too small for it on some problem."""
    values = []
    for problem in problems:
        value = _value(problem, mix, cost)
        if value is None:
            return None
        values.append(value)
    solved, sampled = ([value.solved for value in values], [value.sampled for value in values])
    return MixResult(
        mix=mix,
        cost=fmean(value.cost for value in values),
        attempts=fmean(value.attempts for value in values),
        equal_samples=fmean(value.equal_samples for value in values),
        solved=bootstrap_interval(solved),
        sampled=bootstrap_interval(sampled),
        difference=paired(solved, sampled),
    )


def _value(problem: ProblemPool, mix: Mix, cost: Cost) -> _Value | None:
    chains, firsts = problem.chains, problem.firsts
    if not chains:
        return _Value(0.0, 0.0, 0.0, 0.0, 0.0)
    made = [[step for step in chain[: mix.rounds + 1] if step.made] for chain in chains]
    spent = mix.samples * fmean(sum(map(cost, steps)) for steps in made)
    equal = spent / fmean(map(cost, firsts))
    if mix.samples > len(chains) or equal > len(firsts):
        return None
    repaired = sum(solved_by(chain, mix.rounds) for chain in chains)
    passed = sum(step.passed for step in firsts)
    return _Value(
        cost=spent,
        attempts=mix.samples * fmean(map(len, made)),
        equal_samples=equal,
        solved=pass_at_k(len(chains), repaired, mix.samples),
        sampled=fractional_pass_at_k(len(firsts), passed, equal),
    )
