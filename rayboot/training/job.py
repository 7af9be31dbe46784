"""What a refit is asked to do, what it answers, and the checkpoint that it leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field

from rayboot.storage import Storage, is_remote, localize
from rayboot.values import Frozen

ProgressListener = Callable[[int, int, float], None]
"""Called with the steps done, the steps in all, and the latest training loss."""


class RefitJob(Frozen):
    """One refit. Paths must mean the same on the driver's machine and on those of the workers; all but `storage` may be
    URIs, of which workers make copies."""

    start: str
    """Hugging Face directory, tokenizer included, of the model to start from."""
    training_set: str
    """Folder of Parquet files with at least the text columns `prompt` and `completion`."""
    validation_set: str | None = None
    """The same; the best checkpoint is the one with the lowest loss on it. None: the last one, no early stop."""
    output: str
    """Directory to write the checkpoint to; in it, `refit.json` says that it is whole."""
    storage: str
    """Folder for scratch files, on each worker's machine."""
    name: str
    """Name of the Ray Train run. A refit with the name and storage of an interrupted one goes on from its last
    checkpoint, so each refit needs a name of its own."""
    seed: int = 0
    max_prompt_tokens: int = Field(ge=1)
    max_completion_tokens: int = Field(ge=1)
    """Examples with a longer prompt or completion (its end-of-sequence token counted) are left out."""
    checkpoint_seconds: float = Field(default=30.0, ge=0.0)
    """Least time between two checkpoints from which an interrupted refit can go on."""

    def localized(self) -> RefitJob:
        """The same with this machine's copies of what it reads."""
        read = {name: getattr(self, name) for name in ("start", "training_set", "validation_set")}
        return self.model_copy(update={name: uri and localize(uri) for name, uri in read.items()})

    def identity(self) -> dict[str, Any]:
        """What tells this job from any other: all but where its scratch files are."""
        return self.model_dump(mode="json", exclude={"storage"})


class RefitResult(Frozen):
    steps: int
    """Optimizer steps taken."""
    epochs: float
    train_loss: float
    """Mean loss of a step over the last epoch, in nats a token."""
    best_validation_loss: float | None
    """In nats a token; None without a validation set."""
    best_step: int
    """Step whose weights were kept."""
    stopped_early: bool
    examples: int
    """Training examples used."""
    dropped: int
    """Training examples left out because they were too long."""
    tokens: int
    """Tokens learned from: those of the completions, as often as they were seen."""
    fit_seconds: float
    """Time of the training alone, without start-up; of a resumed refit, since it was resumed."""
    curve: tuple[tuple[int, float], ...]
    """Step and validation loss of every evaluation."""


RESULT_FILE = "refit.json"
"""File in a checkpoint that says of which job it is the output, and what came of it."""


def publish(directory: Path, job: RefitJob, result: RefitResult) -> None:
    """Move `directory` to the job's output, with the result, by which `finished_refit` knows it.

    It appears in one piece; in a store, which cannot do that, the result comes last.
    """
    kept = json.dumps({"job": job.identity(), "result": result.model_dump(mode="json")})
    if is_remote(job.output):
        store = Storage(job.output)
        store.remove("")
        store.upload(str(directory), "")
        store.write_text(RESULT_FILE, kept)
    else:
        (directory / RESULT_FILE).write_text(kept)
        _move(directory, Path(job.output))


def finished_refit(job: RefitJob) -> RefitResult | None:
    """The result of this very job if it was finished before: whoever asked for it may have died just then."""
    output = Storage(job.output)
    if not output.exists(RESULT_FILE):
        return None
    kept = json.loads(output.read_text(RESULT_FILE))
    return RefitResult.model_validate(kept["result"]) if kept["job"] == job.identity() else None


def _move(directory: Path, output: Path) -> None:
    aside = output.with_name(output.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.move(directory, aside)
    except OSError:
        # On another file system the move is a copy, and may be half of one.
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(output, ignore_errors=True)
    Storage(str(output.parent)).rename(aside.name, output.name)
