"""Repair against a new sample after each kind of failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from rayboot.metrics import Interval, Paired, paired, ratio_interval, ratio_values
from rayboot.studies.recorded import Cost, RecordedAttempts, RecordedProblem
from rayboot.values import Frozen


class AfterFailure(Frozen):
    """Yields of the next attempt after one kind of failure."""

    kind: str
    """The verdict's status, or the exception's name if the program raised."""
    failures: int
    problems: int
    repair: Interval
    """Passing repairs per unit of cost; see `UNITS`."""
    sample: Interval
    """Passing new samples per unit of cost."""
    difference: Paired
    """Repair minus sample."""


class _Sums(NamedTuple):
    """Sums over one problem's failures of one kind."""

    failures: int = 0
    repaired: float = 0.0
    repair_cost: float = 0.0
    sampled: float = 0.0
    sample_cost: float = 0.0

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(
            self.failures + other.failures,
            *(left + right for left, right in zip(self[1:], other[1:], strict=True)),
        )


def after_failures(
    recorded: RecordedAttempts, cost: Cost, unit: float = 1.0, least_problems: int = 1
) -> list[AfterFailure]:
    """Return the kinds of failure on at least `least_problems` problems, the most frequent first.

    The repair is the recorded one; the new sample is the mean of the problem's other first attempts.

    Args:
        unit: Cost to which rates refer.
    """
    kinds: dict[str, list[_Sums]] = defaultdict(list)
    for problem in recorded.problems:
        sums: dict[str, _Sums] = defaultdict(_Sums)
        for kind, outcome in _outcomes(problem, lambda step: cost(step) / unit):
            sums[kind] = sums[kind].plus(outcome)
        for kind, total in sums.items():
            kinds[kind].append(total)
    results = [_result(kind, sums) for kind, sums in kinds.items() if len(sums) >= least_problems]
    return sorted(results, key=lambda result: -result.failures)


def _outcomes(problem: RecordedProblem, cost: Cost) -> Iterator[tuple[str, _Sums]]:
    firsts = problem.firsts
    for number, chain in enumerate(problem.chains):
        others = [*firsts[:number], *firsts[number + 1 :]]
        for failing, repair in pairwise(chain):
            if others and repair.generated:
                yield (
                    failing.kind,
                    _Sums(
                        failures=1,
                        repaired=repair.passed,
                        repair_cost=cost(repair),
                        sampled=fmean(step.passed for step in others),
                        sample_cost=fmean(map(cost, others)),
                    ),
                )


def _result(kind: str, sums: list[_Sums]) -> AfterFailure:
    failures, repaired, repair_cost, sampled, sample_cost = zip(*sums, strict=True)
    repair = ratio_interval(repaired, repair_cost, most=failures)
    sample = ratio_interval(sampled, sample_cost, most=failures)
    assert repair is not None  # the cost of an attempt is never 0
    assert sample is not None
    return AfterFailure(
        kind=kind,
        failures=sum(total.failures for total in sums),
        problems=len(sums),
        repair=repair,
        sample=sample,
        difference=paired(ratio_values(repaired, repair_cost), ratio_values(sampled, sample_cost)),
    )
