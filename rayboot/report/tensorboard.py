"""A run's metrics as TensorBoard scalars."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rayboot.metrics import MetricsRow
from rayboot.storage import Storage

FOLDER = "tensorboard"
REFIT = {"train_loss": "loss", "best_validation_loss": "validation_loss"}
"""The refit's numbers that have a usual name in TensorBoard."""


def write_tensorboard(storage: Storage, rows: Iterable[MetricsRow]) -> None:
    """Write the rows' numbers, a file for each iteration; one that is there stays, so that no number comes twice.

    What a split measured is `SPLIT/METRIC`, such as `validation/pass@1`; the refit is `train/loss`, `train/steps` and
    the like; what an iteration has once is `training_examples/KIND`, `seconds/STAGE` and so on.
    """
    scalars: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        scalars[row.iteration].update(_scalars(row.split, row.model_dump()))
    storage.make_folder(FOLDER)
    there = {info.base_name for info in storage.files(FOLDER)}
    for iteration, values in sorted(scalars.items()):
        name = f"events.out.tfevents.{iteration:010d}.rayboot"  # TensorBoard reads files in the order of their names
        if name not in there:
            _write(storage, f"{FOLDER}/{name}", iteration, values)


def _write(storage: Storage, name: str, iteration: int, values: Mapping[str, float]) -> None:
    from tensorboardX import SummaryWriter
    from tensorboardX.proto.summary_pb2 import Summary

    with tempfile.TemporaryDirectory(prefix="rayboot-") as local:
        with SummaryWriter(local) as writer:
            for tag, value in values.items():
                # Not add_scalar: it would make pass@1 into pass_1.
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                writer.file_writer.add_summary(summary, iteration)
        [file] = Path(local).iterdir()
        storage.write_bytes(name, file.read_bytes())


def _scalars(split: str, row: dict[str, Any]) -> Iterable[tuple[str, float]]:
    for name, value in row.items():
        if name == "intervals":  # no scalars
            continue
        if name == "generation":  # of one stage: the rollout's in a row of train, the evaluation's in others
            stage = "rollout" if split == "train" else "evaluation"
            yield from ((f"{stage}/{part}", number) for part, number in value.items())
        elif isinstance(value, dict):
            yield from ((f"{name}/{part}", number) for part, number in value.items())
        elif isinstance(value, int | float) and name != "iteration":
            refit = name.removeprefix("training/")
            yield f"train/{REFIT.get(refit, refit)}" if refit != name else f"{split}/{name}", value
