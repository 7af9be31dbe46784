"""Problems solved against what was spent, by playing allocation policies on recorded attempts."""

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
from rayboot.studies.recorded import Cost, Pool, ProblemPool
from rayboot.values import Frozen

_T = TypeVar("_T")


class Play(NamedTuple):
    """One problem, played to its end."""

    history: tuple[Step, ...]
    exhausted: bool
    """It ended because nothing more was recorded, not because the problem was solved or given up."""

    @property
    def solved(self) -> bool:
        return bool(self.history) and self.history[-1].passed


def play(
    problem: ProblemPool, policy: Allocation, random: np.random.Generator, most: int | None = None
) -> Play:
    """Follow the policy until an attempt passes, it stops, `most` attempts are made, or nothing is left.

    Chains are met in random order, those without recorded repairs last: as first attempts are independent draws, the
    order tells a policy nothing. A repair is always of the latest attempt.
    """
    waiting: list[Step | Chain] = [*_shuffled(problem.samples, random), *_shuffled(problem.chains, random)]
    history: list[Step] = []
    repairs: list[Step] = []  # of the latest attempt, not yet made
    recorded = True  # whether the latest first attempt has them
    while most is None or len(history) < most:
        can_repair = bool(history) and (not recorded or bool(repairs))
        possible: tuple[Arm, ...] = ("sample", "repair") if can_repair else ("sample",)
        action = policy.decide(history, possible, random)
        if action == "stop":
            return Play(tuple(history), exhausted=False)
        if action == "repair":
            if not recorded:
                return Play(tuple(history), exhausted=True)
            history.append(repairs.pop(0))
        else:
            if not waiting:
                return Play(tuple(history), exhausted=bool(problem.chains))
            drawn = waiting.pop()
            recorded = not isinstance(drawn, Step)
            first, *repairs = (drawn,) if isinstance(drawn, Step) else [s for s in drawn if s.made]
            history.append(first)
        if history[-1].passed:
            break
    return Play(tuple(history), exhausted=False)


def _shuffled(items: Sequence[_T], random: np.random.Generator) -> list[_T]:
    return [items[index] for index in random.permutation(len(items))]


DRAWS = 25
"""Plays of each problem for each setting: more would hardly change their mean."""
LEARNED_DRAWS = 10
"""Plays of each problem that arms are learned from. They are of the same few chains: more would feign certainty."""
MOST_EXHAUSTED = 0.01
"""Share of plays that may end for want of recorded attempts; settings with more are left out."""
SPACING = 1.05
"""What the next setting of a curve spends at least, in the one before: closer ones differ by chance alone."""
FOLDS = 5
STRICTNESS = (3.0, 2.0, 1.5, 1.2, 1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05, 0.0)
"""`min_yield` of the adaptive policy, in multiples of what first attempts give on average."""


@dataclass(frozen=True)
class Curve:
    """What a policy spends and solves, from its most to its least thrifty setting."""

    costs: np.ndarray
    """Mean over plays, [problems, settings]."""
    solved: np.ndarray
    """Share of plays that solve the problem, [problems, settings]."""

    @property
    def spent(self) -> np.ndarray:
        """Mean over problems, [settings]; growing."""
        means: np.ndarray = self.costs.mean(axis=0)
        return means

    def at(self, cost: float) -> list[float]:
        """Each problem's share solved where the mean cost of all problems is `cost`; between settings a mixture.

        What a problem costs beyond the mean it takes from the others: its value is less by what that would bring at
        the margin. The mean over problems stays what it is, so that values can be paired and resampled.
        """
        spent, total = self.spent, self.solved.mean(axis=0)
        right = int(np.clip(np.searchsorted(spent, cost), 1, len(spent) - 1))
        left, step = right - 1, spent[right] - spent[right - 1]
        part, slope = (cost - spent[left]) / step, (total[right] - total[left]) / step
        solved, costs = (
            (1 - part) * table[:, left] + part * table[:, right] for table in (self.solved, self.costs)
        )
        values: list[float] = (solved - slope * (costs - cost)).tolist()
        return values


def fixed_curve(pool: Pool, policy: Allocation, cost: Cost, seed: int = 0) -> Curve:
    """The curve of a policy that never stops: its settings are 1, 2, .. attempts at most."""
    plays = [_plays(problem, policy, DRAWS, seed) for problem in pool.problems]
    longest = max(len(one.history) for several in plays for one in several)
    settings = ([[_cut(one, most) for one in several] for several in plays] for most in range(1, longest + 1))
    return _curve(settings, cost)


def adaptive_curve(pool: Pool, cost: Cost, seed: int = 0) -> Curve:
    """The curve of the adaptive policy: its settings are how soon it gives a problem up.

    The arms that decide on a problem are learned from other problems: cross-validation with five folds.
    """
    learned = [_learned_arms(pool, fold, cost, seed) for fold in range(FOLDS)]
    firsts = [step for problem in pool.problems for step in problem.firsts]
    usual = 1000 * sum(step.passed for step in firsts) / sum(map(cost, firsts))

    def setting(min_yield: float) -> list[list[Play]]:
        policies = [AdaptiveAllocation(arms, min_yield, cost=cost) for arms in learned]
        return [_plays(problem, policies[_fold(problem)], DRAWS, seed) for problem in pool.problems]

    return _curve((_recorded(setting(usual * strictness)) for strictness in STRICTNESS), cost)


def _learned_arms(pool: Pool, left_out: int, cost: Cost, seed: int) -> Arms:
    return Arms.learned(
        (
            one.history
            for problem in pool.problems
            if _fold(problem) != left_out
            for one in _plays(problem, EitherAtRandom(), LEARNED_DRAWS, seed)
        ),
        cost,
    )


def _plays(problem: ProblemPool, policy: Allocation, draws: int, seed: int) -> list[Play]:
    """The same draw meets the attempts in the same order, whatever the policy."""
    where = zlib.crc32(problem.problem_id.encode())
    return [play(problem, policy, np.random.default_rng([seed, where, draw])) for draw in range(draws)]


def _fold(problem: ProblemPool) -> int:
    return zlib.crc32(problem.problem_id.encode()) % FOLDS


def _recorded(plays: list[list[Play]]) -> list[list[Play]]:
    """The plays, ended after so many attempts that hardly any ends for want of more."""
    most = max(len(one.history) for several in plays for one in several)
    while _exhausted(cut := [[_cut(one, most) for one in several] for several in plays]) > MOST_EXHAUSTED:
        most -= 1
    return cut


def _exhausted(plays: Sequence[Sequence[Play]]) -> float:
    return fmean(one.exhausted for several in plays for one in several)


def _cut(one: Play, most: int) -> Play:
    return Play(one.history[:most], one.exhausted and most > len(one.history))


def _curve(settings: Iterable[Sequence[Sequence[Play]]], cost: Cost) -> Curve:
    costs, solved = [], []
    for plays in settings:
        if _exhausted(plays) > MOST_EXHAUSTED:
            continue
        costs.append([fmean(sum(map(cost, one.history)) for one in several) for several in plays])
        solved.append([fmean(one.solved for one in several) for several in plays])
    if not costs:
        return Curve(costs=np.empty((0, 0)), solved=np.empty((0, 0)))
    table = np.asarray(costs).T
    growing = _spaced(table.mean(axis=0))
    return Curve(costs=table[:, growing], solved=np.asarray(solved).T[:, growing])


def _spaced(spent: np.ndarray) -> list[int]:
    """The settings in the order of what they spend, without those that spend hardly more than the one before."""
    kept: list[int] = []
    for index in map(int, np.argsort(spent)):
        if not kept or spent[index] >= SPACING * spent[kept[-1]]:
            kept.append(index)
    return kept


BUDGETS = 6


class StepwiseResult(Frozen):
    """One budget, spent in three ways. A problem that is solved costs nothing more; what it saves goes to others."""

    cost: float
    """Mean over problems, the same for the three."""
    sampling: Interval
    """Share of problems solved by sampling alone."""
    repair: Interval
    """The same with all recorded rounds of repair before each new sample."""
    adaptive: Interval
    repair_gain: Paired
    """Repair minus sampling."""
    adaptive_over_sampling: Paired
    adaptive_over_repair: Paired


def stepwise(pool: Pool, cost: Cost, seed: int = 0) -> list[StepwiseResult]:
    """Compare at budgets between the largest that all three policies spend at least and the most that all can spend."""
    curves = (
        fixed_curve(pool, SampleAgain(), cost, seed),
        fixed_curve(pool, RepairFirst(rounds=pool.rounds), cost, seed),
        adaptive_curve(pool, cost, seed),
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
