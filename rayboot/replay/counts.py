"""What became of the candidates for a training set."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
from pydantic import Field

from rayboot.problems.types import Frozen


class Counts(Frozen):
    """Numbers of examples."""

    examples: dict[str, int] = Field(default_factory=dict)
    """Those in the training set, by kind; replayed ones count as `replay`."""
    replayed: dict[str, int] = Field(default_factory=dict)
    """The replayed ones by the iteration that they come from."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Those left out, by reason."""

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = self.model_dump(), other.model_dump()
        return Counts.model_validate({name: Counter(mine[name]) + Counter(theirs[name]) for name in mine})

    def summary(self) -> dict[str, Any]:
        """For the metrics: in an order that does not depend on which part was counted first."""
        by_number = sorted(self.replayed.items(), key=lambda item: int(item[0]))
        return {
            "examples": dict(sorted(self.examples.items())),
            "replayed": dict(by_number),
            "dropped": dict(sorted(self.dropped.items())),
        }


def count(examples: pa.Table, iteration: int, dropped: Counter[str]) -> Counts:
    """The counts of a part of an iteration's training set."""
    origins = list(zip(examples["kind"].to_pylist(), examples["iteration"].to_pylist(), strict=True))
    return Counts(
        examples=Counter("replay" if origin < iteration else kind for kind, origin in origins),
        replayed=Counter(str(origin) for _, origin in origins if origin < iteration),
        dropped=+dropped,
    )
