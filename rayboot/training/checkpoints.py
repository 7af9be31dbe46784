"""Checkpoints of an unfinished refit, from which restarted workers resume."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray.train
import torch

from rayboot.training.job import Workspace

STATE = "state"
"""Folder of the Trainer's checkpoint: weights, optimizer, scheduler, random states, history."""

BEST = "best"
"""Folder of the best weights so far, absent if there are none."""

OWNER = "job"
"""File with the name of the checkpoint's refit: Ray Train keeps the latest checkpoint of all refits of its workers."""

MIN_INTERVAL_RATIO = 10
"""Least interval between two checkpoints, as a multiple of the time to save one."""


class CheckpointCadence:
    """Decides when a checkpoint is due: at the given interval, or less often where saving is slow.

    Saving takes at most about 1 / `MIN_INTERVAL_RATIO` of the training time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last_end = time.monotonic()
        self._last_duration = 0.0

    def is_due(self) -> bool:
        """Return rank 0's decision on all ranks: saving is a collective."""
        waited = time.monotonic() - self._last_end
        due = waited >= max(self._seconds, MIN_INTERVAL_RATIO * self._last_duration)
        return _answer_of_rank_zero(due)

    def saved(self, duration: float) -> None:
        self._last_end = time.monotonic()
        self._last_duration = duration


def report_checkpoint(trainer_checkpoint: Path, workspace: Workspace, job_name: str) -> None:
    """Report a checkpoint of the Trainer to Ray Train, together with the best weights so far.

    Every rank reports its own folder with its own random state; Ray Train merges them into one checkpoint.
    """
    staging = trainer_checkpoint.with_name("staging")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    os.rename(trainer_checkpoint, staging / STATE)
    (staging / OWNER).write_text(job_name)
    if ray.train.get_context().get_world_rank() == 0 and workspace.best.exists():
        shutil.copytree(workspace.best, staging / BEST, copy_function=os.link)
    ray.train.report({}, checkpoint=ray.train.Checkpoint.from_directory(str(staging)))
    shutil.rmtree(staging)


@contextmanager
def restored_checkpoint(workspace: Workspace, job_name: str) -> Iterator[str | None]:
    """Yield the Trainer's checkpoint to resume from, or None at a first start. Reset the workspace to match it."""
    rank = ray.train.get_context().get_world_rank()
    shutil.rmtree(workspace.scratch(rank), ignore_errors=True)
    workspace.scratch(rank).mkdir(parents=True)
    if rank == 0:
        shutil.rmtree(workspace.best, ignore_errors=True)
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        yield None
        return
    with checkpoint.as_directory() as directory:
        if Path(directory, OWNER).read_text() != job_name:
            yield None
            return
        best = Path(directory) / BEST
        if rank == 0 and best.exists():
            shutil.copytree(best, workspace.best)
        yield str(Path(directory) / STATE)


def _answer_of_rank_zero(answer: bool) -> bool:
    if ray.train.get_context().get_world_size() == 1:
        return answer
    box = [answer]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]
