"""Units of cost. This module imports nothing heavy: the command line needs it to start."""

from __future__ import annotations

from typing import Literal, NamedTuple

CostUnit = Literal["tokens", "completion-tokens", "attempts", "dollars"]


class RateUnit(NamedTuple):
    """Cost to which rates refer."""

    size: float
    name: str


UNITS: dict[CostUnit, RateUnit] = {
    "tokens": RateUnit(1000, "1,000 tokens"),
    "completion-tokens": RateUnit(1000, "1,000 completion tokens"),
    "attempts": RateUnit(1, "attempt"),
    "dollars": RateUnit(1, "dollar"),
}
