"""What to spend the next tokens on: a new sample, a repair of the latest attempt, or nothing more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np

from rayboot.attempts import Step
from rayboot.values import Frozen

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
