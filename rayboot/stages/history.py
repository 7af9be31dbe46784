"""The rows of metrics.jsonl, and the choice of the best iteration by them."""

from __future__ import annotations

from collections.abc import Mapping

from rayboot.metrics import MetricsRow
from rayboot.report import write_tensorboard
from rayboot.stages.observer import Observer
from rayboot.stages.results import Curated, Refitted, Sampled, StageResult
from rayboot.storage import RunDirectory


class History:
    """What a run has measured so far. Rows are made from the stages' summaries, so a resumed run makes the same."""

    def __init__(self, run: RunDirectory, observer: Observer) -> None:
        self._run = run
        self._observer = observer
        self.rows: list[MetricsRow] = []

    def record(self, iteration: int, stages: Mapping[str, StageResult]) -> None:
        """Add an iteration: a row for each split that a stage has measured, in `metrics.jsonl` and for the observer.

        Args:
            stages: What the iteration's stages have left, in their order; `curate` and `refit` stand in every row.
        """
        curated, training = stages.get("curate", Curated()), stages.get("refit")
        seconds = {name: result.seconds for name, result in stages.items()}
        sampled = {name: result for name, result in stages.items() if isinstance(result, Sampled)}
        if "evaluation" in sampled:
            seconds["publish"] = sampled["evaluation"].publish_seconds
        if isinstance(training, Refitted):
            seconds["fit"] = training.fit_seconds
        assert isinstance(curated, Curated)
        rows = [
            MetricsRow(
                iteration=iteration,
                split=split,
                **dict(metrics),
                generation=result.generation.model_dump(),
                training_examples=curated.examples,
                replayed_examples=curated.replayed,
                dropped_examples=curated.dropped,
                seconds=seconds,
                training=training.model_dump(include=set(TRAINING)) if training else {},
            )
            for result in sampled.values()
            for split, metrics in result.splits.items()
        ]
        self.rows += rows
        self._run.write_metrics(row.model_dump_json() for row in self.rows)
        write_tensorboard(self._run.storage, rows)
        self._observer.iteration(rows)

    def best_iteration(self) -> int:
        """The iteration with the highest pass@1 on validation; of equals by repair@1, then the earliest."""
        measured = [row for row in self.rows if row.split == "validation"]
        best = max(measured, key=lambda row: (row.rates["pass@1"], row.rates["repair@1"], -row.iteration))
        return best.iteration


TRAINING = (
    "steps",
    "epochs",
    "tokens",
    "train_loss",
    "best_validation_loss",
    "stopped_early",
    "dropped",
)
"""What a row tells of the refit, as `training/NAME`."""
