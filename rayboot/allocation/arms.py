"""The arms of the bandit: how often each action led to a passing program in a situation, and what it cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rayboot.allocation.base import Arm
from rayboot.allocation.step import Step

Key = tuple[str | int, ...]

PRIOR_TRIALS = 8.0
"""Trials that a coarser arm's rate counts for in the next finer one."""
MOST_FAILURES = 6
"""Failures on one problem beyond which situations are no longer told apart."""


class Tried(NamedTuple):
    """What is known of one arm: sums over its trials."""

    trials: int = 0
    passed: int = 0
    cost: float = 0.0
    """In first attempts of the same problem: prompts differ in length."""


class Prospect(NamedTuple):
    """What an action promises."""

    chance: float
    """Expected share of tries that pass."""
    drawn: float
    """The same, drawn from its posterior (Thompson 1933)."""
    cost: float
    """In first attempts of the problem."""


def tokens_of(step: Step) -> float:
    """The cost by default: all tokens, of prompt and completion."""
    return step.tokens


@dataclass(frozen=True)
class Arms:
    """Counts of both actions in every situation, and in coarser ones, on which rare ones fall back.

    A situation is how often the problem was failed, for a new sample; for a repair, what went wrong last and how many
    repairs led there.
    """

    tried: Mapping[Key, Tried] = field(default_factory=dict)

    @classmethod
    def learned(cls, histories: Iterable[Sequence[Step]], cost: Callable[[Step], float] = tokens_of) -> Arms:
        """Count histories of problems, each in the order of its making, up to the first attempt that passed."""
        tried: dict[Key, Tried] = defaultdict(Tried)
        for history in histories:
            for before, step in _decisions(history):
                relative = cost(step) / cost(before[0])
                for key in _keys("repair" if step.round else "sample", before):
                    known = tried[key]
                    tried[key] = Tried(known.trials + 1, known.passed + step.passed, known.cost + relative)
        return cls(dict(tried))

    def prospect(self, arm: Arm, history: Sequence[Step], random: np.random.Generator) -> Prospect:
        """What the arm promises after this history, which is not empty. One never tried may pass as well as not."""
        chance, cost, trials = 0.5, 1.0, 2.0
        prior = trials
        for key in _keys(arm, history):
            if (known := self.tried.get(key)) is None:
                break
            trials = known.trials + prior
            chance = (known.passed + prior * chance) / trials
            cost = (known.cost + prior * cost) / trials
            prior = PRIOR_TRIALS
        drawn = random.beta(chance * trials, (1 - chance) * trials)
        return Prospect(chance, float(drawn), cost)


def _decisions(history: Sequence[Step]) -> Iterator[tuple[Sequence[Step], Step]]:
    """Each attempt that something came before, with what came before."""
    made = [step for step in history if step.made]
    for number, step in enumerate(made):
        if number:
            yield made[:number], step
        if step.passed:
            return


def _keys(arm: Arm, history: Sequence[Step]) -> Iterator[Key]:
    """From coarse to fine."""
    last, failures = history[-1], min(len(history), MOST_FAILURES)
    features: tuple[str | int, ...] = (failures,) if arm == "sample" else (last.situation, last.round)
    for size in range(len(features) + 1):
        yield (arm, *features[:size])
