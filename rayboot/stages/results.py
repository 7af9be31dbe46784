"""What stages leave behind for the metrics: typed, kept as JSON in a stage's marker."""

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
    """What every stage leaves."""

    model_config = ConfigDict(extra="ignore")  # a run of another version is read as far as it goes

    seconds: float = 0.0
    """Wall-clock seconds, those of interrupted runs included."""


class Sampled(StageResult):
    """Of a rollout or an evaluation."""

    splits: Splits
    restarts: dict[str, int] = Field(default_factory=dict)
    """Actors lost and replaced, by kind."""
    publish_seconds: float = 0.0
    generation: Throughput = Throughput()


class Curated(StageResult, Counts):
    """Of a curation."""


class Refitted(StageResult, RefitResult):
    """Of a refit; its `fit_seconds` include those of interrupted runs."""


class Attempts(NamedTuple):
    """What a rollout has made."""

    folder: str
    """Below the run directory."""
    splits: Splits


class TrainingSet(NamedTuple):
    """Examples for a refit."""

    uri: str
    """Folder of Parquet files."""
    counts: Counts
