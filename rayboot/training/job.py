"""The job of a refit, its result, and its output: a checkpoint with `refit.json`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from rayboot.storage import Storage, is_remote, localize
from rayboot.values import Frozen

RefitKind = Literal["sft"]
"""What a refit trains: a key of `worker.LOOPS`."""

StepListener = Callable[[int, int, float], None]
"""Called with the steps done, the total steps, and the latest training loss."""

RESULT_FILE = "refit.json"
"""File in a checkpoint with the job and its result."""


class RefitJob(Frozen):
    """One refit.

    Paths must be valid on the driver's machine and on those of the workers. All but `storage` may be URIs: workers
    copy what they read.
    """

    start: str
    """Hugging Face directory, tokenizer included, of the model to start from."""
    training_set: str
    """Folder of Parquet files with at least the string columns `prompt` and `completion`."""
    validation_set: str | None = None
    """The same. The checkpoint with the lowest loss on it is kept; None: the last one, without early stopping."""
    output: str
    """Directory to write the checkpoint to. It is complete once it holds `refit.json`."""
    storage: str
    """Folder for scratch files, on each worker's machine."""
    name: str
    """Unique name of the refit. One with the name of an interrupted refit resumes from its last checkpoint, if the
    `Refitter` has the same storage and name."""
    seed: int = 0
    max_prompt_tokens: int = Field(ge=1)
    max_completion_tokens: int = Field(ge=1)
    """Examples with a longer prompt or completion (end-of-sequence token included) are dropped."""
    checkpoint_seconds: float = Field(default=30.0, ge=0.0)
    """Least seconds between two checkpoints from which an interrupted refit can resume."""

    def localized(self) -> RefitJob:
        """Return the job with paths of local copies in place of the URIs that it reads."""
        read = {name: getattr(self, name) for name in ("start", "training_set", "validation_set")}
        return self.model_copy(update={name: uri and localize(uri) for name, uri in read.items()})

    def identity(self) -> dict[str, object]:
        """Return the fields that identify the job: all but `storage`."""
        return self.model_dump(mode="json", exclude={"storage"})


class Workspace:
    """A folder beside Ray Train's own state: scratch space of each worker, and the best weights so far.

    Its content is lost with an interruption: a resumed refit reads Ray Train's checkpoints.
    """

    def __init__(self, job: RefitJob) -> None:
        self.root = Path(job.storage) / f"{job.name}.work"
        self.best = self.root / "best"
        """Hugging Face directory of the best weights so far."""

    def scratch(self, rank: int) -> Path:
        """Return the folder of one worker's own files."""
        return self.root / f"worker-{rank}"


class RefitResult(Frozen):
    steps: int
    """Optimizer steps taken."""
    epochs: float
    train_loss: float
    """Mean loss of the last epoch's steps, in nats per token."""
    best_validation_loss: float | None
    """In nats per token; None without a validation set."""
    best_step: int
    """Step whose weights were kept."""
    stopped_early: bool
    examples: int
    """Training examples used."""
    dropped: int
    """Training examples that were too long."""
    tokens: int
    """Completion tokens trained on, counted in every epoch."""
    fit_seconds: float
    """Seconds of training, without start-up; of a resumed refit, since it was resumed."""
    curve: tuple[tuple[int, float], ...]
    """Step and validation loss of every evaluation."""


def move_to_output(directory: Path, job: RefitJob, result: RefitResult) -> None:
    """Move `directory` to the job's output, together with the result that `finished_refit` reads.

    The output appears atomically. An object store has no atomic move: there the result is written last.
    """
    content = json.dumps({"job": job.identity(), "result": result.model_dump(mode="json")})
    if is_remote(job.output):
        store = Storage(job.output)
        store.remove("")
        store.upload(str(directory), "")
        store.write_text(RESULT_FILE, content)
        return
    (directory / RESULT_FILE).write_text(content)
    output = Path(job.output)
    aside = output.with_name(output.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.move(directory, aside)
    except OSError:
        # Across file systems the move is a copy, which may be incomplete.
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(output, ignore_errors=True)
    Storage(str(output.parent)).rename(aside.name, output.name)


def finished_refit(job: RefitJob) -> RefitResult | None:
    """Return the result of this job if it was finished before, as when the driver died just afterwards; else None."""
    output = Storage(job.output)
    if not output.exists(RESULT_FILE):
        return None
    content = json.loads(output.read_text(RESULT_FILE))
    return RefitResult.model_validate(content["result"]) if content["job"] == job.identity() else None
