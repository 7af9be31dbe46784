"""One completion for one problem, with its prompt, program, token counts and verdict: a row of a rollout's Parquet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa
from pydantic import model_validator

from rayboot.attempts.chains import SKIPPED, Step
from rayboot.sandbox.verdict import Status, Verdict
from rayboot.values import Frozen


class Attempt(Frozen):
    """A completion and what became of it. Tests are not part of it: the problem's id leads to them."""

    attempt_id: str
    """`SPLIT/PROBLEM/SAMPLE/ROUND`, unique within its rollout."""
    parent_id: str | None = None
    """The failing attempt that this one repairs; None in round 0."""
    iteration: int
    split: str
    """What the rollout is for: `train`, `validation` or `test`."""
    problem_id: str
    benchmark: str
    sample: int
    """Number of the chain, from 0: a first attempt and its repairs."""
    round: int
    """0 is synthesis, 1.. are repairs."""
    rollout_size: int = 0
    """Rows of this problem's rollout, itself included: how a reader knows that the rollout is whole."""
    prompt: str = ""
    completion: str = ""
    program: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seed: int = 0
    weights_version: int = 0
    status: Status | Literal["skipped"] = "skipped"
    """The verdict's status; `skipped` when no prompt fitted the token budget, so that nothing was generated."""
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
    """The completion's tokens; empty unless the algorithm asked for them."""
    logprobs: tuple[float, ...] = ()
    """Log-probability of each, as `Completion` has them; likewise."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_for_nulls(cls, data: Any) -> Any:
        """A column that a file of an earlier version lacks is read as null."""
        return (
            {name: value for name, value in data.items() if value is not None}
            if isinstance(data, dict)
            else data
        )

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    @property
    def made(self) -> bool:
        """Whether anything was generated."""
        return self.status != SKIPPED

    @property
    def is_wrong(self) -> bool:
        """Whether the program was judged, and did not pass. One that could not be judged is not called wrong."""
        return self.status not in ("passed", "sandbox_error", SKIPPED)

    @property
    def verdict(self) -> Verdict:
        """The verdict that the row was made with; none was given for a skipped attempt."""
        return Verdict.model_validate({name: getattr(self, name) for name in Verdict.model_fields})

    @property
    def step(self) -> Step:
        """What an allocation policy sees of it."""
        return Step.model_validate({name: getattr(self, name) for name in Step.model_fields})


_ARROW = {
    "tuple[int": pa.list_(pa.int64()),
    "tuple[float": pa.list_(pa.float64()),
    "str": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
}
SCHEMA = pa.schema(
    [
        (name, next((arrow for word, arrow in _ARROW.items() if word in str(field.annotation)), pa.string()))
        for name, field in Attempt.model_fields.items()
    ]
)
"""Columns of a rollout's Parquet files: the fields of `Attempt`."""


def attempts_table(*rollouts: Sequence[Attempt]) -> pa.Table:
    """Whole rollouts, each of one problem, as a table; each row learns how many its problem has."""
    rows = [
        {**attempt.model_dump(), "rollout_size": len(rollout)} for rollout in rollouts for attempt in rollout
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def derive_seed(run_seed: int, *parts: object) -> int:
    """A 63-bit seed that is a function of the run's seed and of what it is for, whatever runs beside it."""
    text = "/".join(str(part) for part in (run_seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
