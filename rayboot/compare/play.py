"""Play an allocation policy on recorded attempts: it meets what it would have met, had it asked the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from rayboot.allocation import Allocation, Arm, Step
from rayboot.compare.pool import ProblemPool
from rayboot.evaluation import Chain

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
