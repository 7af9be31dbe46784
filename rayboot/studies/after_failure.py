"""Repair against a new sample after each kind of failure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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


class _Outcome(NamedTuple):
    """The two ways to go on after a failure, or the sums over all failures of one kind on a problem."""

    failures: int
    repaired: float
    repair_cost: float
    sampled: float
    sample_cost: float


def after_failures(
    recorded: RecordedAttempts, cost: Cost, unit: float = 1.0, least_problems: int = 1
) -> list[AfterFailure]:
    """Return the kinds of failure on at least `least_problems` problems, the most frequent first.

    The repair is the recorded one; the new sample is the mean of the problem's other first attempts.

    Args:
        unit: Cost to which rates refer.
    """
    kinds: dict[str, list[_Outcome]] = defaultdict(list)
    for problem in recorded.problems:
        for kind, outcomes in _outcomes(problem, lambda step: cost(step) / unit).items():
            kinds[kind].append(_Outcome(*map(sum, zip(*outcomes, strict=True))))
    results = [_result(kind, sums) for kind, sums in kinds.items() if len(sums) >= least_problems]
    return sorted(results, key=lambda result: -result.failures)


def _outcomes(problem: RecordedProblem, cost: Cost) -> dict[str, list[_Outcome]]:
    """Return the outcomes by kind of failure."""
    outcomes: dict[str, list[_Outcome]] = defaultdict(list)
    for number, chain in enumerate(problem.chains):
        others = [*problem.firsts[:number], *problem.firsts[number + 1 :]]
        for failing, repair in pairwise(chain):
            if others and repair.generated:
                sampled, sample_cost = fmean(step.passed for step in others), fmean(map(cost, others))
                outcome = _Outcome(1, repair.passed, cost(repair), sampled, sample_cost)
                outcomes[failing.kind].append(outcome)
    return outcomes


def _result(kind: str, sums: Sequence[_Outcome]) -> AfterFailure:
    failures, repaired, repair_cost, sampled, sample_cost = zip(*sums, strict=True)
    repair = ratio_interval(repaired, repair_cost, most=failures)
    sample = ratio_interval(sampled, sample_cost, most=failures)
    assert repair is not None  # the cost of an attempt is never 0
    assert sample is not None
    return AfterFailure(
        kind=kind,
        failures=sum(failures),
        problems=len(sums),
        repair=repair,
        sample=sample,
        difference=paired(ratio_values(repaired, repair_cost), ratio_values(sampled, sample_cost)),
    )
