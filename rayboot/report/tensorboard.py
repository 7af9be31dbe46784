"""A run's metrics as TensorBoard scalars."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from typing import Any

from rayboot.storage import Storage

FOLDER = "tensorboard"


def write_tensorboard(storage: Storage, rows: Iterable[dict[str, Any]]) -> None:
    """Write every number of the rows as `SPLIT/METRIC` over iterations, anew each time so that none comes twice."""
    from tensorboardX import SummaryWriter

    local = tempfile.mkdtemp(prefix="rayboot-")
    try:
        with SummaryWriter(local) as writer:
            for row in rows:
                for name, value in _scalars(row):
                    writer.add_scalar(f"{row['split']}/{name}", value, row["iteration"])
        storage.remove(FOLDER)
        storage.make_folder(FOLDER)
        storage.upload(local, FOLDER)
    finally:
        shutil.rmtree(local)


def _scalars(row: dict[str, Any]) -> Iterable[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{name}/{part}", number) for part, number in value.items())
        elif isinstance(value, int | float) and name != "iteration":
            yield name, value
