"""The rows of metrics.jsonl, and the best iteration by them."""

from __future__ import annotations

from collections.abc import Mapping

from rayboot.metrics import MetricsRow
from rayboot.report import write_tensorboard
from rayboot.stages.observer import Observer
from rayboot.stages.results import Curated, Refitted, Sampled, StageResult
from rayboot.storage import RunDirectory


class History:
    """The metrics of a run so far. Rows derive from the stages' results, so a resumed run writes the same rows."""

    def __init__(self, run: RunDirectory, observer: Observer) -> None:
        self._run = run
        self._observer = observer
        self.rows: list[MetricsRow] = []

    def record(self, iteration: int, stages: Mapping[str, StageResult]) -> None:
        """Add one row per measured split of an iteration to `metrics.jsonl` and TensorBoard, and notify the observer.

        Args:
            stages: Results of the iteration's stages, in their order, by stage; by name for one with a name of its own,
                whose splits are then `NAME/SPLIT`. Those of `curate` and `refit` are in every row.
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
                split=split if name in ("rollout", "evaluation") else f"{name}/{split}",
                **dict(metrics),
                generation=result.generation.model_dump(),
                training_examples=curated.examples,
                replayed_examples=curated.replayed,
                dropped_examples=curated.dropped,
                seconds=seconds,
                training={name: getattr(training, name) for name in TRAINING} if training else {},
            )
            for name, result in sampled.items()
            for split, metrics in result.splits.items()
        ]
        self.rows += rows
        self._run.write_metrics(row.to_json() for row in self.rows)
        write_tensorboard(self._run.storage, rows)
        self._observer.iteration(rows)

    def best_iteration(self) -> int:
        """Return the iteration with the highest pass@1 on validation; ties by repair@1, then the earliest."""
        candidates = [row for row in self.rows if row.split == "validation"]
        best = max(candidates, key=lambda row: (row.rates["pass@1"], row.rates["repair@1"], -row.iteration))
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
"""Fields of a refit's result in a row, as `training/NAME`."""
