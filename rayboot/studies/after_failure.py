"""After a program failed in this way: is it better to repair it, or to sample again?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from rayboot.metrics import Interval, Paired, paired, ratio_interval, ratio_values
from rayboot.studies.recorded import Cost, Pool, ProblemPool
from rayboot.values import Frozen


class AfterFailure(Frozen):
    """What the next attempt gives after programs that failed in one way."""

    kind: str
    """The verdict's status, or the exception's name where the program raised."""
    failures: int
    problems: int
    repair: Interval
    """Passing programs for each unit of cost, as `UNITS` says."""
    sample: Interval
    """The same of new samples."""
    difference: Paired
    """Repair minus sample."""


class _Next(NamedTuple):
    """Sums over one problem's failing programs of one kind."""

    failures: int = 0
    repaired: float = 0.0
    repair_cost: float = 0.0
    sampled: float = 0.0
    sample_cost: float = 0.0

    def plus(self, other: _Next) -> _Next:
        return _Next(
            self.failures + other.failures,
            *(mine + its for mine, its in zip(self[1:], other[1:], strict=True)),
        )


def after_failures(pool: Pool, cost: Cost, unit: float = 1.0, least_problems: int = 1) -> list[AfterFailure]:
    """Every kind of failure on at least so many problems, the most frequent first.

    The repair is the one that was recorded; the new sample is any first attempt of the other chains of the problem.

    Args:
        unit: Cost that the rates are for.
    """
    kinds: dict[str, list[_Next]] = defaultdict(list)
    for problem in pool.problems:
        sums: dict[str, _Next] = defaultdict(_Next)
        for kind, outcome in _outcomes(problem, lambda step: cost(step) / unit):
            sums[kind] = sums[kind].plus(outcome)
        for kind, total in sums.items():
            kinds[kind].append(total)
    results = [_result(kind, sums) for kind, sums in kinds.items() if len(sums) >= least_problems]
    return sorted(results, key=lambda result: -result.failures)


def _outcomes(problem: ProblemPool, cost: Cost) -> Iterator[tuple[str, _Next]]:
    firsts = problem.firsts
    for number, chain in enumerate(problem.chains):
        others = [*firsts[:number], *firsts[number + 1 :]]
        for failing, repair in pairwise(chain):
            if others and repair.made:
                yield (
                    failing.kind,
                    _Next(
                        failures=1,
                        repaired=repair.passed,
                        repair_cost=cost(repair),
                        sampled=fmean(step.passed for step in others),
                        sample_cost=fmean(map(cost, others)),
                    ),
                )


def _result(kind: str, sums: list[_Next]) -> AfterFailure:
    failures, repaired, repair_cost, sampled, sample_cost = zip(*sums, strict=True)
    repair = ratio_interval(repaired, repair_cost, most=failures)
    sample = ratio_interval(sampled, sample_cost, most=failures)
    assert repair is not None  # every attempt costs something
    assert sample is not None
    return AfterFailure(
        kind=kind,
        failures=sum(total.failures for total in sums),
        problems=len(sums),
        repair=repair,
        sample=sample,
        difference=paired(ratio_values(repaired, repair_cost), ratio_values(sampled, sample_cost)),
    )
