"""A run's metrics as TensorBoard scalars."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from typing import Any

from rayboot.storage import Storage

FOLDER = "tensorboard"
REFIT = {"train_loss": "loss", "best_validation_loss": "validation_loss"}
"""The refit's numbers that have a usual name in TensorBoard."""


def write_tensorboard(storage: Storage, rows: Iterable[dict[str, Any]]) -> None:
    """Write the rows' numbers over iterations, anew each time so that none comes twice.

    What a split measured is `SPLIT/METRIC`, such as `validation/pass@1`; the refit is `train/loss`, `train/steps` and
    the like; what an iteration has once is `training_examples/KIND`, `seconds/STAGE` and so on.
    """
    from tensorboardX import SummaryWriter
    from tensorboardX.proto.summary_pb2 import Summary

    local = tempfile.mkdtemp(prefix="rayboot-")
    try:
        with SummaryWriter(local) as writer:
            scalars = {(name, row["iteration"]): value for row in rows for name, value in _scalars(row)}
            for (name, iteration), value in scalars.items():
                # Not add_scalar: it would make pass@1 into pass_1.
                summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
                writer.file_writer.add_summary(summary, iteration)
        storage.remove(FOLDER)
        storage.make_folder(FOLDER)
        storage.upload(local, FOLDER)
    finally:
        shutil.rmtree(local)


def _scalars(row: dict[str, Any]) -> Iterable[tuple[str, float]]:
    for name, value in row.items():
        if name == "intervals":  # no scalars
            continue
        if name == "generation":  # of one stage: the rollout's in a row of train, the evaluation's in others
            stage = "rollout" if row["split"] == "train" else "evaluation"
            yield from ((f"{stage}/{part}", number) for part, number in value.items())
        elif isinstance(value, dict):
            yield from ((f"{name}/{part}", number) for part, number in value.items())
        elif isinstance(value, int | float) and name != "iteration":
            refit = name.removeprefix("training/")
            yield f"train/{REFIT.get(refit, refit)}" if refit != name else f"{row['split']}/{name}", value
