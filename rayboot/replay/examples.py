"""Training examples: what a refit learns from."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from rayboot.problems.types import Frozen

Kind = Literal["solution", "repair", "repair_on_first_prompt", "reference"]


class TrainingExample(Frozen):
    """A prompt and the completion to learn, with where they come from."""

    problem_id: str
    kind: Kind
    """`solution`: first prompt and a verified program. `repair`: repair prompt and a verified repair.
    `repair_on_first_prompt`: first prompt and a verified repair. `reference`: last prompt and the benchmark's own
    solution."""
    iteration: int
    """Iteration whose rollout it comes from; earlier than the training set's own for replayed examples."""
    sample: int
    round: int
    prompt: str
    completion: str


SCHEMA = pa.schema(
    [
        (name, pa.int64() if field.annotation is int else pa.string())
        for name, field in TrainingExample.model_fields.items()
    ]
)
"""Columns of a training set's Parquet files: the fields of `TrainingExample`."""


def examples_table(examples: list[TrainingExample]) -> pa.Table:
    return pa.Table.from_pylist([example.model_dump() for example in examples], schema=SCHEMA)
