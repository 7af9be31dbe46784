"""The rows of metrics.jsonl, and the choice of the best iteration by them."""

from __future__ import annotations

from typing import Any

from rayboot.observer import Observer
from rayboot.report import write_tensorboard
from rayboot.run import RunDirectory, Summary

Row = dict[str, Any]


class History:
    """What a run has measured so far. Rows are made from the stages' summaries, so a resumed run makes the same."""

    def __init__(self, run: RunDirectory, observer: Observer) -> None:
        self._run = run
        self._observer = observer
        self.rows: list[Row] = []

    def record(
        self,
        iteration: int,
        evaluation: Summary,
        rollout: Summary | None = None,
        training_set: Summary | None = None,
        training: Summary | None = None,
    ) -> None:
        """Add an iteration: a row for each split that was measured, in `metrics.jsonl` and for the observer."""
        stages = {"rollout": rollout, "curate": training_set, "refit": training, "evaluation": evaluation}
        seconds = {name: summary["seconds"] for name, summary in stages.items() if summary is not None}
        seconds["publish"] = evaluation["publish_seconds"]
        if training:
            seconds["fit"] = training["fit_seconds"]
        common = {
            "training_examples": training_set["examples"] if training_set else {},
            "replayed_examples": training_set["replayed"] if training_set else {},
            "dropped_examples": training_set["dropped"] if training_set else {},
            "seconds": seconds,
            **({f"training/{key}": training[key] for key in TRAINING_KEYS} if training else {}),
        }
        rows = [
            {"iteration": iteration, "split": split, **metrics, "generation": stage["generation"], **common}
            for stage in (rollout, evaluation)
            if stage is not None
            for split, metrics in stage["splits"].items()
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
