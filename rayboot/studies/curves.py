"""Problems solved as a function of cost, by simulating allocations on recorded attempts."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, TypeVar

import numpy as np

from rayboot.attempts import Chain, Step
from rayboot.metrics import Interval, Paired, bootstrap_interval, paired
from rayboot.rollout import (
    AdaptiveAllocation,
    Allocation,
    Arm,
    Arms,
    EitherAtRandom,
    RepairFirst,
    SampleAgain,
)
from rayboot.studies.recorded import Cost, RecordedAttempts, RecordedProblem
from rayboot.values import Frozen

_T = TypeVar("_T")


class Simulation(NamedTuple):
    """The simulated work on one problem."""

    history: tuple[Step, ...]
    exhausted: bool
    """Whether it ended for lack of recorded attempts, not because the problem was solved or the allocation stopped."""

    @property
    def solved(self) -> bool:
        return bool(self.history) and self.history[-1].passed


Simulations = list[list[Simulation]]
"""Draws of each problem."""


def simulate(
    problem: RecordedProblem, allocation: Allocation, random: np.random.Generator, most: int | None = None
) -> Simulation:
    """Follow the allocation until an attempt passes, it stops, there are `most` attempts, or no recorded one is left.

    Chains come in random order, those without recorded repairs last: first attempts are independent draws, so the order
    carries no information. A repair is always one of the latest attempt.
    """
    remaining: list[Step | Chain] = [*_shuffled(problem.samples, random), *_shuffled(problem.chains, random)]
    history: list[Step] = []
    repairs: list[Step] = []  # recorded repairs of the latest chain that are not in the history
    has_recorded_repairs = True  # whether repairs of the latest first attempt were recorded
    while most is None or len(history) < most:
        can_repair = bool(history) and (not has_recorded_repairs or bool(repairs))
        possible: tuple[Arm, ...] = ("sample", "repair") if can_repair else ("sample",)
        action = allocation.decide(history, possible, random)
        if action == "stop":
            return Simulation(tuple(history), exhausted=False)
        if action == "repair":
            if not has_recorded_repairs:
                return Simulation(tuple(history), exhausted=True)
            history.append(repairs.pop(0))
        else:
            if not remaining:
                return Simulation(tuple(history), exhausted=bool(problem.chains))
            drawn = remaining.pop()
            has_recorded_repairs = not isinstance(drawn, Step)
            first, *repairs = (drawn,) if isinstance(drawn, Step) else [s for s in drawn if s.generated]
            history.append(first)
        if history[-1].passed:
            break
    return Simulation(tuple(history), exhausted=False)


def _shuffled(items: Sequence[_T], random: np.random.Generator) -> list[_T]:
    return [items[index] for index in random.permutation(len(items))]


DRAWS = 25
"""Simulations per problem and setting; more would hardly change the mean."""
LEARNED_DRAWS = 10
"""Simulations per problem from which arms are learned; more would overstate the information in a few chains."""
MAX_EXHAUSTED = 0.01
"""Highest share of simulations that end for lack of recorded attempts; settings with more are left out."""
SPACING = 1.05
"""Lowest ratio of the costs of neighbouring settings of a curve; closer ones differ by noise alone."""
FOLDS = 5
STRICTNESS = (3.0, 2.0, 1.5, 1.2, 1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05, 0.0)
"""`min_yield` of the adaptive allocation, in multiples of the mean yield of first attempts."""


@dataclass(frozen=True)
class Curve:
    """Cost and success of an allocation, in settings of increasing mean cost."""

    costs: np.ndarray
    """Mean over simulations, [problems, settings]."""
    solved: np.ndarray
    """Share of simulations that solve the problem, [problems, settings]."""

    @property
    def spent(self) -> np.ndarray:
        """Mean cost over problems, [settings], increasing."""
        means: np.ndarray = self.costs.mean(axis=0)
        return means

    def at(self, cost: float) -> list[float]:
        """Return the share solved per problem at a mean cost over problems, interpolated between settings.

        A problem's value is reduced by the marginal yield of the cost above the mean, which other problems lack. The
        mean over problems stays the same, so the values can be paired and resampled.
        """
        spent, total = self.spent, self.solved.mean(axis=0)
        right = int(np.clip(np.searchsorted(spent, cost), 1, len(spent) - 1))
        left, step = right - 1, spent[right] - spent[right - 1]
        weight, slope = (cost - spent[left]) / step, (total[right] - total[left]) / step
        solved, costs = (
            (1 - weight) * table[:, left] + weight * table[:, right] for table in (self.solved, self.costs)
        )
        values: list[float] = (solved - slope * (costs - cost)).tolist()
        return values


def fixed_curve(recorded: RecordedAttempts, allocation: Allocation, cost: Cost) -> Curve:
    """Return the curve of an allocation that never stops; the settings are at most 1, 2, .. attempts."""
    simulations = [_simulations(problem, allocation, DRAWS) for problem in recorded.problems]
    return _curve((_truncated(simulations, most) for most in range(1, _longest(simulations) + 1)), cost)


def adaptive_curve(recorded: RecordedAttempts, cost: Cost) -> Curve:
    """Return the curve of the adaptive allocation; the settings are values of `min_yield`.

    The arms for a problem are learned from other problems, by cross-validation with five folds.
    """
    arms_of_folds = [_learned_arms(recorded, fold, cost) for fold in range(FOLDS)]
    firsts = [step for problem in recorded.problems for step in problem.firsts]
    mean_yield = 1000 * sum(step.passed for step in firsts) / sum(map(cost, firsts))

    def setting(min_yield: float) -> Simulations:
        allocations = [AdaptiveAllocation(arms, min_yield, cost=cost) for arms in arms_of_folds]
        return [_simulations(problem, allocations[_fold(problem)], DRAWS) for problem in recorded.problems]

    return _curve((_limit_exhausted(setting(mean_yield * strictness)) for strictness in STRICTNESS), cost)


def _learned_arms(recorded: RecordedAttempts, left_out: int, cost: Cost) -> Arms:
    return Arms.learned(
        (
            simulation.history
            for problem in recorded.problems
            if _fold(problem) != left_out
            for simulation in _simulations(problem, EitherAtRandom(), LEARNED_DRAWS)
        ),
        cost,
    )


def _simulations(problem: RecordedProblem, allocation: Allocation, draws: int) -> list[Simulation]:
    """Simulate `draws` times. The order of attempts in a draw is the same for every allocation."""
    key = zlib.crc32(problem.problem_id.encode())
    return [simulate(problem, allocation, np.random.default_rng([0, key, draw])) for draw in range(draws)]


def _fold(problem: RecordedProblem) -> int:
    return zlib.crc32(problem.problem_id.encode()) % FOLDS


def _limit_exhausted(simulations: Simulations) -> Simulations:
    """Truncate to the largest number of attempts at which at most `MAX_EXHAUSTED` of the simulations are exhausted."""
    settings = (_truncated(simulations, most) for most in range(_longest(simulations), -1, -1))
    return next(setting for setting in settings if _exhausted_share(setting) <= MAX_EXHAUSTED)


def _longest(simulations: Simulations) -> int:
    return max(len(simulation.history) for of_problem in simulations for simulation in of_problem)


def _exhausted_share(simulations: Simulations) -> float:
    return fmean(simulation.exhausted for of_problem in simulations for simulation in of_problem)


def _truncated(simulations: Simulations, most: int) -> Simulations:
    return [
        [Simulation(history[:most], exhausted and most > len(history)) for history, exhausted in of_problem]
        for of_problem in simulations
    ]


def _curve(settings: Iterable[Simulations], cost: Cost) -> Curve:
    costs, solved = [], []
    for simulations in settings:
        if _exhausted_share(simulations) <= MAX_EXHAUSTED:
            costs.append(
                [fmean(sum(map(cost, draw.history)) for draw in of_problem) for of_problem in simulations]
            )
            solved.append([fmean(draw.solved for draw in of_problem) for of_problem in simulations])
    if not costs:
        return Curve(costs=np.empty((0, 0)), solved=np.empty((0, 0)))
    table = np.asarray(costs).T
    increasing = _spaced(table.mean(axis=0))
    return Curve(costs=table[:, increasing], solved=np.asarray(solved).T[:, increasing])


def _spaced(spent: np.ndarray) -> list[int]:
    """Return the settings in order of cost, without those that cost less than `SPACING` times the one before."""
    kept: list[int] = []
    for index in np.argsort(spent).tolist():
        if not kept or spent[index] >= SPACING * spent[kept[-1]]:
            kept.append(index)
    return kept


BUDGETS = 6


class StepwiseResult(Frozen):
    """One budget under three allocations. Work on a problem ends with the first pass; the rest goes to others."""

    cost: float
    """Mean over problems, equal for the three."""
    sampling: Interval
    """Share of problems solved by sampling alone."""
    repair: Interval
    """Share of problems solved with all recorded rounds of repair before each new sample."""
    adaptive: Interval
    """Share of problems solved by the adaptive allocation."""
    repair_gain: Paired
    """Repair minus sampling."""
    adaptive_over_sampling: Paired
    adaptive_over_repair: Paired


def stepwise(recorded: RecordedAttempts, cost: Cost) -> list[StepwiseResult]:
    """Compare three allocations at `BUDGETS` costs, in order, that are within the range of all three curves.

    Return an empty list if the ranges do not overlap.
    """
    curves = (
        fixed_curve(recorded, SampleAgain(), cost),
        fixed_curve(recorded, RepairFirst(rounds=recorded.rounds), cost),
        adaptive_curve(recorded, cost),
    )
    if min(curve.costs.shape[1] for curve in curves) < 2:
        return []
    least = max(float(curve.spent[0]) for curve in curves)
    most = min(float(curve.spent[-1]) for curve in curves)
    if most <= least:
        return []
    results = []
    for budget in np.geomspace(least, most, BUDGETS + 1)[1:]:
        sampling, repair, adaptive = (curve.at(float(budget)) for curve in curves)
        results.append(
            StepwiseResult(
                cost=float(budget),
                sampling=bootstrap_interval(sampling),
                repair=bootstrap_interval(repair),
                adaptive=bootstrap_interval(adaptive),
                repair_gain=paired(repair, sampling),
                adaptive_over_sampling=paired(adaptive, sampling),
                adaptive_over_repair=paired(adaptive, repair),
            )
        )
    return results
