"""What is kept equal between sampling and repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from rayboot.allocation import Step
from rayboot.problems.types import Frozen

Cost = Callable[[Step], float]
Equal = Literal["tokens", "completion-tokens", "attempts", "dollars"]


class Prices(Frozen):
    """Of a million tokens, in dollars or any currency."""

    input: float = 0.0
    output: float = 0.0

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        return (self.input * prompt_tokens + self.output * completion_tokens) / 1e6


class Unit(NamedTuple):
    """What rates are given for."""

    size: float
    name: str


UNITS: dict[Equal, Unit] = {
    "tokens": Unit(1000, "1,000 tokens"),
    "completion-tokens": Unit(1000, "1,000 completion tokens"),
    "attempts": Unit(1, "attempt"),
    "dollars": Unit(1, "dollar"),
}


def cost_of(equal: Equal, prices: Prices) -> Cost:
    """The cost of an attempt, never 0: an empty completion counts as one token. `dollars` needs a price above 0."""
    costs: dict[Equal, Cost] = {
        "tokens": lambda step: step.tokens,
        "completion-tokens": lambda step: max(1, step.completion_tokens),
        "attempts": lambda step: 1.0,
        "dollars": lambda step: prices.of(step.prompt_tokens, max(1, step.completion_tokens)),
    }
    return costs[equal]
