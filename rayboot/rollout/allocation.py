"""Decide where a problem's next tokens go: to a new sample, to a repair of the latest attempt, or nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np

from rayboot.attempts import Step
from rayboot.values import Frozen

Arm = Literal["sample", "repair"]
"""Sample a new first attempt, or repair the latest attempt."""
Action = Literal["sample", "repair", "stop"]
"""The same, or stop work on the problem."""


class Allocation(Protocol):
    """Decides step by step, from one problem's history alone. N problems can share one allocation."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        """Return the next action: a function of the arguments, `random` included.

        Args:
            history: The problem's attempts so far, in the order of generation; none of them passed.
            possible: The arms that are possible, at least one; only `sample` for an empty history.
            random: Source of all randomness of the decision.
        """


class SampleAgain(Frozen):
    """Never repair."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        return "sample" if "sample" in possible else "stop"


class RepairFirst(Frozen):
    """Repair up to `rounds` times in a row, then sample again."""

    rounds: int

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        if "repair" in possible and history[-1].round < self.rounds:
            return "repair"
        return "sample" if "sample" in possible else "stop"


class EitherAtRandom(Frozen):
    """Choose uniformly: its histories cover all situations, so that arms can be learned from them."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        return possible[int(random.integers(len(possible)))]


Key = tuple[str | int, ...]
"""An arm and the features of a situation, from coarse to fine."""

PRIOR_TRIALS = 8.0
"""Weight, in trials, of a coarser situation's estimate as the prior of the next finer one."""
MOST_FAILURES = 6
"""Failures on one problem above which situations are no longer distinguished."""


class ArmCounts(NamedTuple):
    """Sums over the trials of one arm in one situation."""

    trials: int = 0
    passed: int = 0
    cost: float = 0.0
    """In units of the same problem's first attempt, since prompts differ in length."""


class ArmEstimate(NamedTuple):
    """Expected outcome of one trial of an arm."""

    probability: float
    """Posterior mean of the probability to pass."""
    sampled: float
    """Probability to pass, sampled from its posterior (Thompson 1933)."""
    cost: float
    """In units of the problem's first attempt."""


def tokens_of(step: Step) -> float:
    """Return the default cost of an attempt: its prompt and completion tokens."""
    return step.tokens


@dataclass(frozen=True)
class Arms:
    """Counts of both arms in every situation, and in coarser ones, on which rare ones fall back.

    The situation of a new sample is the number of failures on the problem; that of a repair, `Step.situation` and the
    round of the latest attempt.
    """

    counts: Mapping[Key, ArmCounts] = field(default_factory=dict)

    @classmethod
    def learned(cls, histories: Iterable[Sequence[Step]], cost: Callable[[Step], float] = tokens_of) -> Arms:
        """Count the decisions in histories of problems, each in the order of generation, up to its first pass."""
        counts: dict[Key, ArmCounts] = defaultdict(ArmCounts)
        for history in histories:
            for before, step in _decisions(history):
                relative = cost(step) / cost(before[0])
                for key in _keys("repair" if step.round else "sample", before):
                    seen = counts[key]
                    counts[key] = ArmCounts(seen.trials + 1, seen.passed + step.passed, seen.cost + relative)
        return cls(dict(counts))

    def estimate(self, arm: Arm, history: Sequence[Step], random: np.random.Generator) -> ArmEstimate:
        """Return the arm's estimate after a history that is not empty. The prior of an arm is uniform: Beta(1, 1)."""
        probability, cost, trials = 0.5, 1.0, 2.0
        prior = trials
        for key in _keys(arm, history):
            if (seen := self.counts.get(key)) is None:
                break
            trials = seen.trials + prior
            probability = (seen.passed + prior * probability) / trials
            cost = (seen.cost + prior * cost) / trials
            prior = PRIOR_TRIALS
        sampled = random.beta(probability * trials, (1 - probability) * trials)
        return ArmEstimate(probability, float(sampled), cost)


def _decisions(history: Sequence[Step]) -> Iterator[tuple[Sequence[Step], Step]]:
    """Yield each attempt after the first, with the attempts before it."""
    made = [step for step in history if step.generated]
    for number, step in enumerate(made):
        if number:
            yield made[:number], step
        if step.passed:
            return


def _keys(arm: Arm, history: Sequence[Step]) -> Iterator[Key]:
    """Yield the arm's keys after this history, from coarse to fine."""
    last, failures = history[-1], min(len(history), MOST_FAILURES)
    features: tuple[str | int, ...] = (failures,) if arm == "sample" else (last.situation, last.round)
    for size in range(len(features) + 1):
        yield (arm, *features[:size])


@dataclass(frozen=True)
class AdaptiveAllocation:
    """Thompson sampling over both arms, by passing programs per token.

    The arms stay fixed during a rollout: the actions on a problem are a function of its own history and seed, whatever
    other problems are in flight.
    """

    arms: Arms = field(default_factory=Arms)
    min_yield: float = 0.0
    """Passing programs per 1,000 tokens; stop when neither arm is expected to give as many."""
    max_tokens: float | None = None
    """Tokens of one problem; no action may be expected to exceed them."""
    cost: Callable[[Step], float] = tokens_of
    """Cost of an attempt in tokens; the arms must have been learned with the same."""

    def decide(self, history: Sequence[Step], possible: Sequence[Arm], random: np.random.Generator) -> Action:
        if not history:
            return "sample"
        estimates = {arm: self.arms.estimate(arm, history, random) for arm in possible}
        worthwhile = [arm for arm in possible if self._is_worth_it(estimates[arm], history)]
        if not worthwhile:
            return "stop"
        return max(worthwhile, key=lambda arm: estimates[arm].sampled / estimates[arm].cost)

    def _is_worth_it(self, estimate: ArmEstimate, history: Sequence[Step]) -> bool:
        cost = estimate.cost * self.cost(history[0])
        affordable = self.max_tokens is None or sum(map(self.cost, history)) + cost <= self.max_tokens
        return affordable and 1000 * estimate.probability >= self.min_yield * cost
