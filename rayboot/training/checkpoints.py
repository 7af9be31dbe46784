"""Checkpoints of an unfinished refit: everything that a restarted worker needs, and where it is kept."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray.train
import torch

from rayboot.training.job import RefitJob


class Workspace:
    """A folder beside Ray Train's own state: scratch space of each worker, and the best weights so far.

    Nothing in it outlives an interruption: what a resumed refit needs is in Ray Train's checkpoints.
    """

    def __init__(self, job: RefitJob) -> None:
        self.root = Path(job.storage) / f"{job.name}.work"

    @property
    def best(self) -> Path:
        """Hugging Face directory of the best weights so far."""
        return self.root / "best"

    def scratch(self, rank: int) -> Path:
        """What one worker writes on its own."""
        return self.root / f"worker-{rank}"

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


STATE = "state"
"""The Trainer's checkpoint: weights, optimizer, scheduler, random states, history."""

BEST = "best"
"""The best weights so far, when there are some."""

OWNER = "job"
"""Name of the refit that the checkpoint is of: the workers do several, and Ray Train keeps the latest checkpoint."""

MAX_SHARE = 10
"""Time between two checkpoints, at least, as a multiple of the time that one takes."""


class CheckpointCadence:
    """Says when a checkpoint is due: not too often, and never so often that it slows training much."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last_end = time.monotonic()
        self._last_duration = 0.0

    def is_due(self) -> bool:
        """The answer of rank 0, for all ranks: saving is a collective."""
        waited = time.monotonic() - self._last_end
        due = waited >= max(self._seconds, MAX_SHARE * self._last_duration)
        return _answer_of_rank_zero(due)

    def saved(self, duration: float) -> None:
        self._last_end = time.monotonic()
        self._last_duration = duration


def report_checkpoint(trainer_checkpoint: Path, workspace: Workspace, job_name: str) -> None:
    """Hand a checkpoint of the Trainer to Ray Train, together with the best weights so far.

    Every rank reports its own folder, with its own random state; Ray Train makes one checkpoint of them.
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
    """The Trainer's checkpoint to go on from; None at a first start. Makes the workspace fit it."""
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
