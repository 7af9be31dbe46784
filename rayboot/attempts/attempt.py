"""One attempt: a completion with prompt, program, token counts and verdict, and a row of a rollout's Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, model_validator

from rayboot.attempts.chains import SKIPPED, StatusProperties, Step
from rayboot.config import POLICY
from rayboot.sandbox.verdict import Status, Verdict
from rayboot.values import Frozen

NO_VERDICT = {**Verdict(status="sandbox_error").model_dump(), "status": SKIPPED, "tier": ""}
"""Columns of the verdict in a skipped attempt's row."""


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
    author: str = POLICY
    """Role of the model that wrote the completion."""
    verdict: Verdict | None = None
    """None if no prompt fitted the token budget, so that nothing was generated. In a table its fields are columns."""
    token_ids: tuple[int, ...] = ()
    """Token ids of the completion; empty unless the algorithm asked for them."""
    logprobs: tuple[float, ...] = ()
    """Log-probability of each token, as in `Completion`; empty unless the algorithm asked for them."""

    @model_validator(mode="before")
    @classmethod
    def _from_columns(cls, data: object) -> object:
        """Read the row of a table, whose nulls stand for defaults: a file of an earlier version lacks columns."""
        if not isinstance(data, dict) or "status" not in data:
            return data
        row = {name: value for name, value in data.items() if value is not None}
        verdict = {name: row.pop(name) for name in Verdict.model_fields if name in row}
        return {**row, "verdict": None if verdict.get("status", SKIPPED) == SKIPPED else verdict}

    @property
    def status(self) -> Status | Literal["skipped"]:
        """The verdict's status, or `skipped`."""
        return self.verdict.status if self.verdict else "skipped"

    @property
    def step(self) -> Step:
        """The fields that an allocation sees."""
        fields = {**dict(self), **dict(self.verdict or {}), "status": self.status}
        return Step.model_validate({name: fields[name] for name in Step.model_fields if name in fields})

    def columns(self) -> dict[str, object]:
        """Return the row of a table."""
        fields = self.model_dump()
        verdict = fields.pop("verdict") or NO_VERDICT
        return {**fields, **verdict}


_ARROW: dict[object, pa.DataType] = {
    int: pa.int64(),
    int | None: pa.int64(),
    float: pa.float64(),
    tuple[int, ...]: pa.list_(pa.int64()),
    tuple[float, ...]: pa.list_(pa.float64()),
}
"""Column types of annotations; all others are text."""


def _columns(model: type[BaseModel]) -> Iterator[tuple[str, pa.DataType]]:
    for name, field in model.model_fields.items():
        if name == "verdict":
            yield from _columns(Verdict)
        else:
            yield name, _ARROW.get(field.annotation, pa.string())


SCHEMA = pa.schema(list(_columns(Attempt)))
"""Columns of a rollout's Parquet files: the fields of `Attempt`, and those of its verdict."""


def attempts_table(*rollouts: Sequence[Attempt]) -> pa.Table:
    """Return attempts as a table, and set `rollout_size`.

    Args:
        rollouts: All attempts on one problem, for each problem.
    """
    rows = [
        {**attempt.columns(), "rollout_size": len(rollout)} for rollout in rollouts for attempt in rollout
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def derive_seed(run_seed: int, *parts: object) -> int:
    """Return a 63-bit seed that is a function of the run's seed and of the parts alone."""
    text = "/".join(str(part) for part in (run_seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
