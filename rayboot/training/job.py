"""What a refit is asked to do, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from rayboot.problems.types import Frozen
from rayboot.storage import localize

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
