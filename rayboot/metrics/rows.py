"""The rows of metrics.jsonl: one per iteration and split."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rayboot.values import Frozen

STAGES = ("rollout", "curate", "refit", "evaluation")
"""Stages whose seconds add up to those of an iteration; other entries of `seconds` are parts of these."""
HEADLINE_SPLITS = ("test", "validation")


class SplitMetrics(Frozen):
    """Metrics of the attempts on one split. In JSON the `rates` are top-level keys."""

    # Runs of other versions may have more fields.
    model_config = ConfigDict(extra="ignore", ser_json_inf_nan="constants")

    rates: dict[str, float] = Field(default_factory=dict)
    """`pass@k`: first attempts alone. `repair@k`: the same, where a sample counts as solved if the first attempt or a
    repair passes. A problem whose first prompt did not fit counts as unsolved."""
    repair_rate: float | None = None
    """Share of chains with a failing first attempt that a repair solved; 0 if none failed."""
    problems: int | None = None
    attempts: int | None = None
    skipped: int | None = None
    """Attempts that were not generated, because no prompt fitted."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    public_only: float | None = None
    """Share of programs that pass all public tests and fail a hidden one; None if no problem has both kinds."""
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Bounds of the 95 % intervals of rates, by name."""

    @property
    def tokens(self) -> int:
        """Tokens that engines read and wrote."""
        return self.prompt_tokens + self.completion_tokens

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, data: object) -> object:
        if not isinstance(data, Mapping) or "rates" in data:
            return data
        rates = {name: value for name, value in data.items() if name.startswith(("pass@", "repair@"))}
        return {"rates": rates, **{name: value for name, value in data.items() if name not in rates}}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields = {name: value for name, value in handler(self).items() if value is not None}
        return {**fields.pop("rates"), **fields}


class MetricsRow(SplitMetrics):
    """A row of metrics.jsonl. In JSON the entries of `training` are top-level keys `training/NAME`."""

    # Rows of `rayboot evaluate` in earlier versions lack both: one model, one set of problems.
    iteration: int = 0
    split: str = "test"
    model: str | None = None
    """Only in the row of `rayboot evaluate`."""
    dataset: str | None = None
    """Only in the row of `rayboot evaluate`."""
    retries: int | None = None
    """Number of requests that were sent to a provider again; only in the row of `rayboot evaluate`."""
    cost: float | None = None
    """Cost of a provider's tokens at the recipe's prices; only in the row of `rayboot evaluate`."""
    generation: dict[str, int | float] = Field(default_factory=dict)
    """Throughput of the engines in the stage: the fields of `Throughput`."""
    training_examples: dict[str, int] = Field(default_factory=dict)
    """Examples of the iteration's training set, by kind."""
    replayed_examples: dict[str, int] = Field(default_factory=dict)
    """Replayed examples, by the iteration that generated them."""
    dropped_examples: dict[str, int] = Field(default_factory=dict)
    """Examples left out, by reason."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall-clock seconds of the iteration, by stage and by part of a stage."""
    training: dict[str, int | float | bool | None] = Field(default_factory=dict)
    """Steps, losses and other results of the refit."""

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Wall-clock seconds by stage. Publishing and starting engines are parts of the stage that waits for them."""
        return {stage: self.seconds[stage] for stage in STAGES if stage in self.seconds}

    def to_json(self) -> str:
        """Return the row as a line of metrics.jsonl."""
        return json.dumps(self.model_dump(mode="json"))

    @model_validator(mode="before")
    @classmethod
    def _with_training(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        if not {"iteration", "dataset"} & data.keys():
            raise ValueError("not a row of rayboot, which has iteration or dataset")
        if "training" in data:
            return data
        training = {
            name.removeprefix("training/"): data[name] for name in data if name.startswith("training/")
        }
        return {**data, "training": training}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields = {name: value for name, value in handler(self).items() if value is not None}
        first = {
            name: fields.pop(name) for name in ("iteration", "split", "model", "dataset") if name in fields
        }
        training = {f"training/{name}": value for name, value in fields.pop("training").items()}
        return {**first, **fields.pop("rates"), **fields, **training}


def headline_split(rows: Sequence[MetricsRow]) -> str | None:
    """Return the split that represents a run: test, or else validation; None if neither has a row."""
    splits = {row.split for row in rows}
    return next((split for split in HEADLINE_SPLITS if split in splits), None)
