"""A run's metrics as TensorBoard scalars."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from rayboot.metrics import MetricsRow
from rayboot.storage import Storage

FOLDER = "tensorboard"
REFIT = {"train_loss": "loss", "best_validation_loss": "validation_loss"}
"""Names of the refit's results that differ in TensorBoard."""


def write_tensorboard(storage: Storage, rows: Iterable[MetricsRow]) -> None:
    """Write the numbers of rows, one file per iteration. Existing files are kept, so that no number is written twice.

    Tags: `SPLIT/METRIC` for the metrics of a split, such as `validation/pass@1`; `train/loss`, `train/steps` and so on
    for the refit; `training_examples/KIND`, `seconds/STAGE` and so on for an iteration.
    """
    scalars: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        scalars[row.iteration].update(_scalars(row))
    storage.make_folder(FOLDER)
    existing = {info.base_name for info in storage.files(FOLDER)}
    for iteration, values in sorted(scalars.items()):
        name = f"events.out.tfevents.{iteration:010d}.rayboot"  # TensorBoard reads files in the order of their names
        if name not in existing:
            _write(storage, f"{FOLDER}/{name}", iteration, values)


def _write(storage: Storage, name: str, iteration: int, values: Mapping[str, float]) -> None:
    from tensorboardX import SummaryWriter
    from tensorboardX.proto.summary_pb2 import Summary

    with tempfile.TemporaryDirectory(prefix="rayboot-") as local:
        with SummaryWriter(local) as writer:
            for tag, value in values.items():
                # Not add_scalar, which changes pass@1 to pass_1.
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                writer.file_writer.add_summary(summary, iteration)
        [file] = Path(local).iterdir()
        storage.write_bytes(name, file.read_bytes())


def _scalars(row: MetricsRow) -> Iterable[tuple[str, float]]:
    for name, value in row.model_dump().items():
        if isinstance(value, dict) and name != "intervals":
            named, _, split = row.split.rpartition("/")
            stage = named or ("rollout" if split == "train" else "evaluation")
            group = stage if name == "generation" else name
            yield from ((f"{group}/{part}", number) for part, number in value.items())
        elif isinstance(value, int | float) and name != "iteration":
            refit = name.removeprefix("training/")
            yield f"train/{REFIT.get(refit, refit)}" if refit != name else f"{row.split}/{name}", value
