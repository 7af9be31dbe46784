"""Typed results of stages, kept as JSON in a stage's marker, from which the metrics are written."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import ConfigDict, Field

from rayboot.curation import Counts
from rayboot.metrics import SplitMetrics
from rayboot.pools.throughput import Throughput
from rayboot.training import RefitResult
from rayboot.values import Frozen

Splits = dict[str, SplitMetrics]
"""Metrics by split."""


class StageResult(Frozen):
    """Fields of every stage's result."""

    model_config = ConfigDict(extra="ignore")  # runs of other versions may have more fields

    seconds: float = 0.0
    """Wall-clock seconds, including those of interrupted runs."""


class Sampled(StageResult):
    """Result of a rollout or an evaluation."""

    splits: Splits
    restarts: dict[str, int] = Field(default_factory=dict)
    """Number of actors lost and replaced, by kind."""
    publish_seconds: float = 0.0
    generation: Throughput = Throughput()


class Curated(StageResult, Counts):
    """Result of a curation."""


class Refitted(StageResult, RefitResult):
    """Result of a refit; `fit_seconds` includes those of interrupted runs."""


class Rollout(NamedTuple):
    """The attempts of a rollout, on disk."""

    folder: str
    """Path relative to the run directory."""
    splits: Splits
    iteration: int
    author: str
    """Role of the model that was sampled."""


class TrainingSet(NamedTuple):
    """The examples of a refit, on disk."""

    uri: str
    """URI of a folder of Parquet files."""
    counts: Counts
