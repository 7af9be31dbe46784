"""The rows of metrics.jsonl: one for each split that an iteration has measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rayboot.values import Frozen

STAGES = ("rollout", "curate", "refit", "evaluation")
"""Stages whose seconds in a row add up to an iteration's; other entries there are parts of these."""
HEADLINE_SPLITS = ("test", "validation")


class SplitMetrics(Frozen):
    """What the attempts on one split measure. As JSON, `rates` stand beside the other numbers."""

    model_config = ConfigDict(extra="ignore")  # a run of another version is read as far as it goes

    rates: dict[str, float] = Field(default_factory=dict)
    """`pass@k`: first attempts alone. `repair@k`: the same, where a sample counts as solved when its first attempt or
    one of its repairs passes. A problem whose first prompt did not fit counts as unsolved."""
    repair_rate: float | None = None
    """Share of the chains failing at first that a repair solved; 0 when none failed."""
    problems: int | None = None
    attempts: int | None = None
    skipped: int | None = None
    """Attempts never made, because no prompt fitted."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    public_only: float | None = None
    """Share of programs that pass all public tests and fail a hidden one; None where no problem has both kinds."""
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """95 % bounds of the rates, by name."""

    @property
    def tokens(self) -> int:
        """Tokens that engines read and wrote."""
        return self.prompt_tokens + self.completion_tokens

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "rates" in data:
            return data
        rates = {name: value for name, value in data.items() if name.startswith(("pass@", "repair@"))}
        return {"rates": rates, **{name: value for name, value in data.items() if name not in rates}}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = {name: value for name, value in handler(self).items() if value is not None}
        return {**fields.pop("rates"), **fields}


class MetricsRow(SplitMetrics):
    """A row of metrics.jsonl. As JSON, what `training` holds is `training/NAME`."""

    # The one row of `rayboot evaluate` says neither: there is one model, and one set of problems.
    iteration: int = 0
    split: str = "test"
    model: str | None = None
    """In the row of `rayboot evaluate`, as is `dataset`."""
    dataset: str | None = None
    retries: int | None = None
    """Requests that a provider was asked again; in the row of `rayboot evaluate`, as is `cost`."""
    cost: float | None = None
    """What a provider's tokens cost, at the recipe's prices."""
    generation: dict[str, int | float] = Field(default_factory=dict)
    """Throughput of the engines in the stage, as `Throughput` has it."""
    training_examples: dict[str, int] = Field(default_factory=dict)
    """Of the iteration's training set, by kind."""
    replayed_examples: dict[str, int] = Field(default_factory=dict)
    """By the iteration that they come from."""
    dropped_examples: dict[str, int] = Field(default_factory=dict)
    """By reason."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall-clock seconds of the iteration by stage, and of parts of stages."""
    training: dict[str, int | float | bool | None] = Field(default_factory=dict)
    """How the refit went: steps, losses and the like."""

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Wall-clock seconds by stage. Publishing and the start of engines are parts of the stage that waits."""
        return {stage: self.seconds[stage] for stage in STAGES if stage in self.seconds}

    @model_validator(mode="before")
    @classmethod
    def _with_training(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "training" in data:
            return data
        training = {
            name.removeprefix("training/"): data[name] for name in data if name.startswith("training/")
        }
        return {**data, "training": training}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = {name: value for name, value in handler(self).items() if value is not None}
        first = {
            name: fields.pop(name) for name in ("iteration", "split", "model", "dataset") if name in fields
        }
        training = {f"training/{name}": value for name, value in fields.pop("training").items()}
        return {**first, **fields.pop("rates"), **fields, **training}


def headline_split(rows: Sequence[MetricsRow]) -> str | None:
    """The split whose numbers stand for a run: test, or else validation; None when neither is measured."""
    measured = {row.split for row in rows}
    return next((split for split in HEADLINE_SPLITS if split in measured), None)
