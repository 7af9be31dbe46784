"""Where a refit keeps its files while it runs."""

from __future__ import annotations

import shutil
from pathlib import Path

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
