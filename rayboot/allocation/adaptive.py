"""A bandit that allots tokens: the action with the best prospect for each token, while one is worth its tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rayboot.allocation.arms import Arms, Prospect, tokens_of
from rayboot.allocation.base import Action, Arm
from rayboot.allocation.step import Step


@dataclass(frozen=True)
class AdaptiveAllocation:
    """Thompson sampling over new sample and repair, by passing programs for each token.

    The arms are counted between rollouts, never while one runs: what is done on a problem is then a function of the
    problem's own history and seed, whatever else is under way.
    """

    arms: Arms = field(default_factory=Arms)
    min_yield: float = 0.0
    """Stop when neither action is expected to give so many passing programs for 1,000 tokens."""
    max_tokens: float | None = None
    """Tokens of one problem that no action may be expected to exceed."""
    cost: Callable[[Step], float] = tokens_of
    """What counts as tokens; the same that the arms were learned with."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        if not history:
            return "sample"
        prospects = {arm: self.arms.prospect(arm, history, random) for arm in possible}
        worthwhile = [arm for arm in possible if self._is_worth_it(prospects[arm], history)]
        if not worthwhile:
            return "stop"
        return max(worthwhile, key=lambda arm: prospects[arm].drawn / prospects[arm].cost)

    def _is_worth_it(self, prospect: Prospect, history: Sequence[Step]) -> bool:
        cost = prospect.cost * self.cost(history[0])
        affordable = self.max_tokens is None or sum(map(self.cost, history)) + cost <= self.max_tokens
        return affordable and 1000 * prospect.chance >= self.min_yield * cost
