"""One attempt: a completion with prompt, program, token counts and verdict, and a row of a rollout's Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa
from pydantic import model_validator

from rayboot.attempts.chains import StatusProperties, Step
from rayboot.sandbox.verdict import Status, Verdict
from rayboot.values import Frozen


class Attempt(StatusProperties, Frozen):
    """A completion and its verdict. The problem's id stands for the tests."""

    attempt_id: str
    """`SPLIT/PROBLEM/SAMPLE/ROUND`, unique within a rollout."""
    parent_id: str | None = None
    """The failing attempt that this one repairs; None in round 0."""
    iteration: int
    split: str
    """`train`, `validation` or `test`."""
    problem_id: str
    benchmark: str
    sample: int
    """Number of the chain (a first attempt and the repairs that follow), from 0."""
    round: int
    """0 is a first attempt, 1.. are repairs."""
    rollout_size: int = 0
    """Number of attempts on this problem in the rollout; a file with fewer is incomplete."""
    prompt: str = ""
    completion: str = ""
    program: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seed: int = 0
    weights_version: int = 0
    status: Status | Literal["skipped"] = "skipped"
    """The verdict's status; `skipped` if no prompt fitted the token budget, so that nothing was generated."""
    failing_test: int | None = None
    error_type: str = ""
    message: str = ""
    line: int | None = None
    call: str = ""
    got: str = ""
    expected: str = ""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    stdout: str = ""
    stderr: str = ""
    tier: str = ""
    token_ids: tuple[int, ...] = ()
    """Token ids of the completion; empty unless the algorithm asked for them."""
    logprobs: tuple[float, ...] = ()
    """Log-probability of each token, as in `Completion`; empty unless the algorithm asked for them."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_for_nulls(cls, data: Any) -> Any:
        """Use the default for a null: columns that a file of an earlier version lacks are read as null."""
        return (
            {name: value for name, value in data.items() if value is not None}
            if isinstance(data, dict)
            else data
        )

    @property
    def verdict(self) -> Verdict:
        """The verdict; a skipped attempt has none, and raises a `ValidationError`."""
        return Verdict.model_validate({name: getattr(self, name) for name in Verdict.model_fields})

    @property
    def step(self) -> Step:
        """The fields that an allocation sees."""
        return Step.model_validate({name: getattr(self, name) for name in Step.model_fields})


_ARROW: dict[Any, pa.DataType] = {
    int: pa.int64(),
    int | None: pa.int64(),
    float: pa.float64(),
    tuple[int, ...]: pa.list_(pa.int64()),
    tuple[float, ...]: pa.list_(pa.float64()),
}
"""Column types of annotations; all others are text."""
SCHEMA = pa.schema(
    [(name, _ARROW.get(field.annotation, pa.string())) for name, field in Attempt.model_fields.items()]
)
"""Columns of a rollout's Parquet files: the fields of `Attempt`."""


def attempts_table(*rollouts: Sequence[Attempt]) -> pa.Table:
    """Return attempts as a table, and set `rollout_size`.

    Args:
        rollouts: All attempts on one problem, for each problem.
    """
    rows = [
        {**attempt.model_dump(), "rollout_size": len(rollout)} for rollout in rollouts for attempt in rollout
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def derive_seed(run_seed: int, *parts: object) -> int:
    """Return a 63-bit seed that is a function of the run's seed and of the parts alone."""
    text = "/".join(str(part) for part in (run_seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
