"""The refit: the stage that trains new weights."""

from __future__ import annotations

import shutil
import tempfile
import time
from typing import TYPE_CHECKING

from rayboot.attempts import derive_seed
from rayboot.pools.replica import Weights
from rayboot.stages.curate import validation_set
from rayboot.stages.results import Refitted
from rayboot.storage import Summary
from rayboot.training import RefitJob

if TYPE_CHECKING:
    from rayboot.stages.lab import Lab


def refit(lab: Lab, name: str, training_set: str, start: Weights) -> Refitted:
    """Train from `start` on the training set at a URI."""
    run, recipe, iteration = lab.run, lab.recipe, lab.iteration
    fit = _Fit(run.spent(iteration, name).get("fit_seconds", 0.0))
    of_its_own = "" if name == "checkpoint" else f"-{name}"

    def work(folder: str) -> Summary:
        validation = validation_set(lab) if recipe.training.patience else None
        if lab.shares_gpus:
            # Engines first, even if there are none yet: a GPU without one has room for two workers.
            lab.generation.broadcast("sleep")
        output = run.storage.uri(folder)
        with (
            lab.observer.stage(iteration, "refit") as progress,
            tempfile.TemporaryDirectory(prefix="rayboot-") as scratch,
        ):

            def follow(step: int, steps: int, loss: float) -> None:
                fit.tick()
                progress(step, steps)

            result = lab.refitter.refit(
                RefitJob(
                    start=start.checkpoint,
                    training_set=training_set,
                    validation_set=validation,
                    output=output,
                    storage=f"{output}.state" if run.storage.is_local else scratch,
                    name=f"{recipe.name}-{iteration:02d}{of_its_own}",
                    seed=derive_seed(recipe.seed, iteration, f"refit{of_its_own}") % 2**31,
                    max_prompt_tokens=recipe.policy.max_prompt_tokens,
                    max_completion_tokens=recipe.policy.max_completion_tokens,
                ),
                follow,
            )
            shutil.rmtree(f"{output}.state", ignore_errors=True)
        if lab.shares_gpus:
            lab.refitter.close()  # for all of the workers' memory
        return {
            **result.model_dump(mode="json"),
            "fit_seconds": round(fit.before + result.fit_seconds, 3),
        }

    done = run.once(iteration, name, work, lambda: {"fit_seconds": fit.seconds})
    return Refitted.model_validate(done)


class _Fit:
    """Seconds of a training, those of interrupted runs included, as far as its steps have been heard of."""

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
