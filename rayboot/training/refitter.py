"""The driver's side of a refit: check the job, hand it to Ray Train workers, follow it, say clearly what failed."""

from __future__ import annotations

import logging
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import ray
from ray.exceptions import GetTimeoutError, RayActorError
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError, UserError
from rayboot.models.directory import base_of
from rayboot.pools.cluster import start_beside_driver
from rayboot.pools.resources import why_pending
from rayboot.training.checkpoints import Workspace
from rayboot.training.desk import RefitDesk, Standing
from rayboot.training.fit import room_for_workers, wait_until_removed, worker_resources
from rayboot.training.job import ProgressListener, RefitJob, RefitResult, finished_refit
from rayboot.training.training_set import count_rows, parquet_files
from rayboot.training.zero import deepspeed_options

CLOSE_SECONDS = 10.0
"""Longest wait for workers that are sent home."""
DESK_TRIES = 3
"""Times that a refit may lose the helper process that runs it."""
PENDING_SECONDS = 30.0
"""Workers that have not arrived for so long are reported."""

log = logging.getLogger("rayboot")


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
        self._fit: Any = None
        """Reference of what `RefitDesk.hire` returns once the workers are gone."""
        self._room: PlacementGroup | None = None
        self._workers = 0
        self._busy = False

    @property
    def workers(self) -> int:
        """Workers that are there, or are starting."""
        return self._workers

    def start(self) -> None:
        """Start the workers, and do not wait for them: what comes before the first refit can go on meanwhile."""
        if not self._is_there():
            self._abandon()
            settings = {name: value for name, value in os.environ.items() if name.startswith("RAY_TRAIN_")}
            self._desk = start_beside_driver(RefitDesk, settings)
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
        _check(job.localized(), config or self._config)
        if (finished := finished_refit(job)) is not None:
            return finished
        if self._could_grow():
            self.close()
        standing = self._done(kind, job, config or self._config, progress)
        if standing.starts > 1 or (standing.error is not None and self._config.workers > 1):
            # Ray Train counts the failures of its workers as long as they stay; the next refit has its own count.
            self.close()
        Workspace(job).remove()
        if standing.error is not None:
            raise standing.error
        result = RefitResult.model_validate(standing.fields)
        if not math.isfinite(result.train_loss):
            log.warning(f"the refit diverged; the best weights, of step {result.best_step}, are kept")
        return result

    def close(self) -> None:
        """Send the workers home, and wait until what they kept is free; the next refit starts new ones.

        Workers in the middle of a refit that was interrupted are ended.
        """
        if self._desk is None:
            return
        room = None
        with suppress(RayActorError, GetTimeoutError):
            room = ray.get(self._desk.close.remote(), timeout=CLOSE_SECONDS)
        if room is None or self._busy:
            self._abandon()
        else:
            wait_until_removed(room, CLOSE_SECONDS)
            # Ray ends the helper when its last call is over: Ray Train has something to clear away.
            self._forget()

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
        self._workers = workers
        self._fit = self._desk.hire.remote(self._config, workers, self._storage, self._name)

    def _is_there(self) -> bool:
        """Whether there are workers, or will be."""
        return self._desk is not None and not ray.wait([self._fit], timeout=0)[0]

    def _abandon(self) -> None:
        """End the helper, and with it the workers; give back what Ray keeps for them, which would outlive them all."""
        if self._desk is not None:
            ray.kill(self._desk)
        if self._room is not None:
            remove_placement_group(self._room)
        self._forget()

    def _forget(self) -> None:
        self._desk, self._fit, self._room, self._workers, self._busy = None, None, None, 0, False

    def _done(
        self, kind: str, job: RefitJob, config: TrainingConfig, progress: ProgressListener | None
    ) -> Standing:
        """Post the job, and follow it to its end; again from its last checkpoint if the helper is lost."""
        for _ in range(DESK_TRIES):
            self.start()
            try:
                ray.get(self._desk.post.remote(kind, job, config))
                self._busy = True
                standing = self._follow(progress)
            except RayActorError:
                log.warning(
                    "the helper process of the refit was lost; another goes on from the last checkpoint"
                )
                self._abandon()
            else:
                self._busy = False
                return standing
        raise RaybootError(
            f"the refit lost its helper process {DESK_TRIES} times; the machine may lack memory"
        )

    def _could_grow(self) -> bool:
        """Whether elastic workers are fewer than there is room for."""
        if self._fit is None or self._workers == self._config.workers:
            return False
        return room_for_workers(worker_resources(self._config), least=0, most=1) == 1

    def _follow(self, progress: ProgressListener | None) -> Standing:
        standing: Standing = Standing()
        shown, failures, started = None, 0, 0
        waits_since: float | None = time.monotonic()
        while True:
            alive = self._is_there()
            standing = ray.get(self._desk.standing.remote(standing.news))
            if standing.starts > max(started, 1):
                log.warning("training workers were lost; others go on from the last checkpoint")
            started = standing.starts
            if standing.room is not None:
                self._room, waits_since = standing.room, None
            elif waits_since is not None and time.monotonic() - waits_since > PENDING_SECONDS:
                waits_since = None
                if any(group["state"] == "PENDING" for group in placement_group_table().values()):
                    why = why_pending(worker_resources(self._config))
                    log.warning(f"the training workers ({self._workers}) wait for their place: {why}")
            if progress is not None and standing.progress not in (None, shown):
                shown = standing.progress
                progress(*shown)
            if standing.fields is not None or standing.error is not None:
                return standing
            if alive:
                continue
            error = ray.get(self._fit) or RaybootError("the refit's workers left before it was finished")
            if not self._config.min_workers or failures == self._config.max_failures:
                return standing.model_copy(update={"error": error})
            failures += 1
            self._hire()


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
