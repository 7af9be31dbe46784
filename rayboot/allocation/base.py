"""The contract of a policy that says what to do next on a problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from rayboot.allocation.step import Step

Arm = Literal["sample", "repair"]
"""Draw a new first attempt; repair the latest attempt."""
Action = Literal["sample", "repair", "stop"]
"""The same, or give the problem up."""


class Allocation(Protocol):
    """Decides step by step, from one problem's history alone: it can be asked for many problems at once."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        """What to do next.

        Args:
            history: The problem's attempts so far, in the order of their making; none of them passed.
            possible: What can be done at all, at least one of the two; only `sample` where nothing was made yet.
            random: The decision is a function of the arguments and of what is drawn here.
        """
