"""The rows of metrics.jsonl, and the choice of the best iteration by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayboot.report import write_tensorboard
from rayboot.stages.observer import Observer
from rayboot.storage import RunDirectory, Summary

Row = dict[str, Any]


class History:
    """What a run has measured so far. Rows are made from the stages' summaries, so a resumed run makes the same."""

    def __init__(self, run: RunDirectory, observer: Observer) -> None:
        self._run = run
        self._observer = observer
        self.rows: list[Row] = []

    def record(self, iteration: int, stages: Mapping[str, Summary]) -> None:
        """Add an iteration: a row for each split that a stage has measured, in `metrics.jsonl` and for the observer.

        Args:
            stages: What the iteration's stages have left, in their order; `curate` and `refit` stand in every row.
        """
        curated, training = stages.get("curate", {}), stages.get("refit", {})
        seconds = {name: summary["seconds"] for name, summary in stages.items()}
        seconds["publish"] = stages.get("evaluation", {}).get("publish_seconds", 0.0)
        if training:
            seconds["fit"] = training["fit_seconds"]
        common = {
            **{f"{name}_examples": curated.get(field, {}) for name, field in COUNTS.items()},
            "seconds": seconds,
            **{f"training/{key}": training[key] for key in TRAINING_KEYS if training},
        }
        rows = [
            {"iteration": iteration, "split": split, **metrics, "generation": stage["generation"], **common}
            for stage in stages.values()
            for split, metrics in stage.get("splits", {}).items()
        ]
        self.rows += rows
        self._run.write_metrics(self.rows)
        write_tensorboard(self._run.storage, rows)
        self._observer.iteration(rows)

    def best_iteration(self) -> int:
        """The iteration with the highest pass@1 on validation; of equals by repair@1, then the earliest."""
        measured = [row for row in self.rows if row["split"] == "validation"]
        best = max(measured, key=lambda row: (row["pass@1"], row["repair@1"], -row["iteration"]))
        return int(best["iteration"])


COUNTS = {"training": "examples", "replayed": "replayed", "dropped": "dropped"}
"""A row's `NAME_examples`, and the field of `Counts` that it gives."""

TRAINING_KEYS = (
    "steps",
    "epochs",
    "tokens",
    "train_loss",
    "best_validation_loss",
    "stopped_early",
    "dropped",
)
"""What a row tells of the refit, as `training/KEY`."""
