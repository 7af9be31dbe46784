"""Policies that do not look at what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rayboot.allocation.base import Action, Arm
from rayboot.allocation.step import Step
from rayboot.problems.types import Frozen


class SampleAgain(Frozen):
    """Never repair."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        return "sample" if "sample" in possible else "stop"


class RepairFirst(Frozen):
    """Repair up to so many times in a row before a new sample is drawn."""

    rounds: int

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        if "repair" in possible and history[-1].round < self.rounds:
            return "repair"
        return "sample" if "sample" in possible else "stop"


class EitherAtRandom(Frozen):
    """A coin decides: it meets all situations, so that arms can be learned from its histories."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        return possible[int(random.integers(len(possible)))]
