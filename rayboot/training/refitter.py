"""The driver's side of a refit: check the job, hand it to Ray Train workers, follow it, say clearly what failed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import ray

from rayboot.cluster import start_beside_driver
from rayboot.config.training import TrainingConfig
from rayboot.errors import RaybootError, UserError
from rayboot.failures import explain
from rayboot.generation.model_directory import base_of
from rayboot.training.desk import RefitDesk, Standing
from rayboot.training.examples import count_rows, parquet_files
from rayboot.training.fit import Fit, room_for_workers, wait_until_removed, worker_resources
from rayboot.training.job import ProgressListener, RefitJob, RefitResult
from rayboot.training.workspace import Workspace
from rayboot.training.zero import deepspeed_options

CLOSE_SECONDS = 10.0
"""Longest wait for workers that are sent home."""


class Refitter:
    """Ray Train workers that stay from one refit to the next: only the first has to wait until they are there.

    Needs a Ray that is connected. The workers keep the CPUs and GPUs that `config` asks for until `close`.
    """

    def __init__(self, config: TrainingConfig, storage: str, name: str = "refit") -> None:
        """
        Args:
            config: Says how to train, and on how many workers.
            storage: Folder for Ray Train's own state, the same after a restart of the driver.
            name: Name of the Ray Train run, the same after a restart of the driver.
        """
        self._config = config
        self._storage = storage
        self._name = name
        self._desk: Any = None
        self._fit: Fit | None = None
        self._leaving: Fit | None = None
        self._busy = False

    @property
    def workers(self) -> int:
        """Workers that are there, or are starting."""
        return 0 if self._fit is None else self._fit.workers

    def start(self) -> None:
        """Start the workers, and do not wait for them: what comes before the first refit can go on meanwhile."""
        if self._leaving is not None:
            self._leaving.join()
            self._leaving = None
        if self._fit is None or not self._fit.is_alive():
            self._desk = start_beside_driver(RefitDesk)
            self._hire()

    def refit(
        self,
        job: RefitJob,
        progress: ProgressListener | None = None,
        *,
        kind: Literal["sft"] = "sft",
        config: TrainingConfig | None = None,
    ) -> RefitResult:
        """Train `job.start` on the training set, and write the best checkpoint to `job.output`. Blocks.

        A job with the name of an interrupted one continues it, and ends with the same weights as one that was
        never interrupted (on CPUs, to the bit).

        `config` is for this refit alone; what it says of workers and their resources has no effect any more.

        Raises:
            UserError: No readable model or example, or all examples are too long.
            RaybootError: Workers failed more often than `config.max_failures` allows; the message gives the cause.
        """
        _check(job, config or self._config)
        if self._could_grow():
            self.close()
        self.start()
        ray.get(self._desk.post.remote(kind, job, config or self._config))
        self._busy = True
        standing = self._follow(progress)
        self._busy = False
        if standing.starts > 1 or (standing.error is not None and self._config.workers > 1):
            # Ray Train counts the failures of its workers as long as they stay; the next refit has its own count.
            self.close()
        Workspace(job).remove()
        if standing.error is not None:
            raise standing.error
        return RefitResult.model_validate(standing.fields)

    def close(self) -> None:
        """Send the workers home, and wait until what they kept is free; the next refit starts new ones.

        Workers that are still starting, or in the middle of a refit that was interrupted, leave after it, or when Ray
        is shut down; nothing waits for them but the next refit.
        """
        if self._fit is not None:
            room = ray.get(self._desk.close.remote())
            self._leaving, self._fit = self._fit, None
            if room is not None and not self._busy:
                wait_until_removed(room, CLOSE_SECONDS)
            self._busy = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hire(self) -> None:
        """Start workers, who take what is on the desk."""
        most, least = self._config.workers, self._config.min_workers
        workers = most if least is None else room_for_workers(worker_resources(self._config), least, most)
        self._fit = Fit(self._config, workers, self._storage, self._name, self._desk)
        self._fit.start()

    def _could_grow(self) -> bool:
        """Whether elastic workers are fewer than there is room for."""
        if self._fit is None or self._fit.workers == self._config.workers:
            return False
        return room_for_workers(worker_resources(self._config), least=0, most=1) == 1

    def _follow(self, progress: ProgressListener | None) -> Standing:
        assert self._fit is not None
        standing: Standing = Standing()
        shown, failures = None, 0
        while True:
            alive = self._fit.is_alive()
            standing = ray.get(self._desk.standing.remote(standing.news))
            if progress is not None and standing.progress not in (None, shown):
                shown = standing.progress
                progress(*shown)
            if standing.fields is not None or standing.error is not None:
                return standing
            if not alive and self._config.min_workers and failures < self._config.max_failures:
                failures += 1
                self._hire()
            elif not alive:
                error = self._fit.error or RaybootError("its workers left before it was finished")
                return standing.model_copy(update={"error": explain("the refit", error)})


def refit(job: RefitJob, config: TrainingConfig, progress: ProgressListener | None = None) -> RefitResult:
    """One refit by workers of its own: `Refitter.refit` for a single job."""
    with Refitter(config, job.storage, job.name) as refitter:
        return refitter.refit(job, progress)


def _check(job: RefitJob, config: TrainingConfig) -> None:
    """Find what is wrong with the job before the workers begin."""
    deepspeed_options(config)
    if base_of(job.start) is None and not Path(job.start, "config.json").is_file():
        raise UserError(
            f"{job.start}: a Hugging Face model directory was expected, and there is no config.json"
        )
    if not any(Path(job.start).glob("tokenizer*")):
        raise UserError(
            f"{job.start}: a model with its tokenizer was expected, and there are no tokenizer files"
        )
    for folder in filter(None, (job.training_set, job.validation_set)):
        if count_rows(parquet_files(folder)) == 0:
            raise UserError(f"{folder}: there is no example in it, and a refit needs one at least")
