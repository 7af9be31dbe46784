"""The refit: the stage that trains new weights."""

from __future__ import annotations

import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from rayboot.attempts import derive_seed
from rayboot.config import POLICY
from rayboot.pools.replica import GenerationReplica, Weights
from rayboot.stages.curate import validation_set
from rayboot.stages.results import Refitted
from rayboot.storage import FOLDERS, Summary
from rayboot.training import RefitJob, RefitKind

if TYPE_CHECKING:
    from rayboot.stages.lab import Lab


def refit(lab: Lab, name: str, training_set: str, start: Weights, kind: RefitKind) -> Refitted:
    """Train from `start` on the training set at a URI, and return the result."""
    run, recipe, iteration, model = lab.run, lab.recipe, lab.iteration, lab.models[start.role]
    timer = _FitTimer(run.spent(iteration, name).get("fit_seconds", 0.0))
    suffix = "" if name == FOLDERS["refit"] else f"-{name}"

    def work(folder: str) -> Summary:
        validation = validation_set(lab) if recipe.training.patience else None
        if lab.shares_gpus:
            # Start engines that are not there yet: Ray would place two workers on a GPU without an engine.
            lab.models[POLICY].engines.broadcast(GenerationReplica.sleep)
        output = run.storage.uri(folder)
        with (
            lab.observer.stage(iteration, "refit") as progress,
            tempfile.TemporaryDirectory(prefix="rayboot-") as scratch,
        ):

            def follow(step: int, steps: int, loss: float) -> None:
                timer.tick()
                progress(step, steps)

            result = lab.refitter.refit(
                RefitJob(
                    start=start.checkpoint,
                    training_set=training_set,
                    validation_set=validation,
                    output=output,
                    storage=f"{output}.state" if run.storage.is_local else scratch,
                    name=f"{recipe.name}-{iteration:02d}{suffix}",
                    seed=derive_seed(recipe.seed, iteration, f"refit{suffix}") % 2**31,
                    max_prompt_tokens=model.config.max_prompt_tokens,
                    max_completion_tokens=model.config.max_completion_tokens,
                ),
                follow,
                kind=kind,
            )
            shutil.rmtree(f"{output}.state", ignore_errors=True)
        if lab.shares_gpus:
            lab.refitter.close()  # frees all memory of the workers
        return {
            **result.model_dump(mode="json"),
            "fit_seconds": round(timer.before + result.fit_seconds, 3),
        }

    done = run.once(iteration, name, work, lambda: {"fit_seconds": timer.seconds})
    return Refitted.model_validate(done)


class _FitTimer:
    """Seconds of training from the first to the latest reported step, and those of interrupted runs."""

    def __init__(self, before: float) -> None:
        self.before = before
        self._first: float | None = None
        self._last = 0.0

    def tick(self) -> None:
        self._last = time.monotonic()
        self._first = self._first or self._last

    @property
    def seconds(self) -> float:
        return round(self.before + (self._last - self._first if self._first else 0.0), 3)
