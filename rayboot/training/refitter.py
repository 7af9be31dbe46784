"""The driver's side of a refit: check the job, post it to Ray Train workers, follow it, report what failed."""

from __future__ import annotations

import logging
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ray
from ray.exceptions import GetTimeoutError, RayActorError
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError, UserError
from rayboot.models.directory import base_of
from rayboot.pools.cluster import start_beside_driver
from rayboot.pools.resources import why_pending
from rayboot.training.fit import count_fitting_workers, wait_until_removed, worker_resources
from rayboot.training.job import Kind, ProgressListener, RefitJob, RefitResult, Workspace, finished_refit
from rayboot.training.mailbox import RefitMailbox, RefitStatus
from rayboot.training.training_set import count_rows, parquet_files
from rayboot.training.zero import deepspeed_options

CLOSE_SECONDS = 10.0
"""Longest wait for workers to stop."""
MAILBOX_TRIES = 3
"""Number of helper processes that a refit may lose before it fails."""
PENDING_SECONDS = 30.0
"""Wait for the workers' resources after which it is reported."""

log = logging.getLogger("rayboot")


class Refitter:
    """Ray Train workers that persist across refits: only the first refit waits for their start.

    Ray must be connected. The workers hold the CPUs and GPUs that `config` requests until `close`.
    """

    def __init__(self, config: TrainingConfig, storage: str, name: str = "refit") -> None:
        """
        Args:
            config: How to train, and on how many workers.
            storage: Folder for Ray Train's own state, the same after a restart of the driver.
            name: Name of the Ray Train run, the same after a restart of the driver.
        """
        self._config = config
        self._storage = storage
        self._name = name
        self._mailbox: Any = None
        self._fit: Any = None
        """ObjectRef of the result of `RefitMailbox.start_workers`, ready once the workers have ended."""
        self._placement_group: PlacementGroup | None = None
        self._workers = 0
        self._busy = False

    @property
    def workers(self) -> int:
        """Number of workers that run or are starting."""
        return self._workers

    def start(self) -> None:
        """Start the workers in the background."""
        if not self._has_workers():
            self._kill()
            settings = {name: value for name, value in os.environ.items() if name.startswith("RAY_TRAIN_")}
            self._mailbox = start_beside_driver(RefitMailbox, settings)
            self._start_workers()

    def refit(
        self,
        job: RefitJob,
        progress: ProgressListener | None = None,
        *,
        kind: Kind = "sft",
        config: TrainingConfig | None = None,
    ) -> RefitResult:
        """Train `job.start` on the training set, and write the best checkpoint to `job.output`. Blocks.

        A job with the name of an interrupted one resumes it, and ends with the weights of an uninterrupted one (on
        CPUs, bit for bit).

        Args:
            job: What to train on, and where to write the checkpoint.
            progress: Called with the steps done, the total steps and the latest training loss.
            kind: Key of `worker.LOOPS`.
            config: Options of this refit alone. Those about workers and their resources have no effect here.

        Raises:
            UserError: No model or no example can be read, or all examples are too long.
            RaybootError: The refit diverged, the disk is full, workers failed more often than `config.max_failures`
                allows, or the helper was lost `MAILBOX_TRIES` times.
        """
        _check(job.localized(), config or self._config)
        if (finished := finished_refit(job)) is not None:
            return finished
        if self._could_grow():
            self.close()
        status = self._run(kind, job, config or self._config, progress)
        if status.starts > 1 or (status.error is not None and self._config.workers > 1):
            # Ray Train counts failures over the workers' lifetime; new workers give the next refit its own count.
            self.close()
        Workspace(job).remove()
        if status.error is not None:
            raise status.error
        result = RefitResult.model_validate(status.fields)
        if not math.isfinite(result.train_loss):
            log.warning(f"the refit diverged; the best weights, of step {result.best_step}, are kept")
        return result

    def close(self) -> None:
        """Stop the workers, and wait until their resources are free. The next refit starts new ones.

        Workers in the middle of an interrupted refit are killed.
        """
        if self._mailbox is None:
            return
        placement_group = None
        with suppress(RayActorError, GetTimeoutError):
            placement_group = ray.get(self._mailbox.close.remote(), timeout=CLOSE_SECONDS)
        if placement_group is None or self._busy:
            self._kill()
        else:
            wait_until_removed(placement_group, CLOSE_SECONDS)
            # Not killed: Ray ends the helper after its last call, in which Ray Train cleans up.
            self._reset()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_workers(self) -> None:
        """Start workers that take refits from the mailbox; elastic ones, as many as fit now."""
        most, least = self._config.workers, self._config.min_workers
        workers = (
            most if least is None else count_fitting_workers(worker_resources(self._config), least, most)
        )
        self._workers = workers
        self._fit = self._mailbox.start_workers.remote(self._config, workers, self._storage, self._name)

    def _has_workers(self) -> bool:
        """Whether workers run or are starting."""
        return self._mailbox is not None and not ray.wait([self._fit], timeout=0)[0]

    def _kill(self) -> None:
        """Kill the helper and with it the workers. Free their placement group, which would outlive them."""
        if self._mailbox is not None:
            ray.kill(self._mailbox)
        if self._placement_group is not None:
            remove_placement_group(self._placement_group)
        self._reset()

    def _reset(self) -> None:
        self._mailbox, self._fit, self._placement_group, self._workers, self._busy = (
            None,
            None,
            None,
            0,
            False,
        )

    def _run(
        self, kind: str, job: RefitJob, config: TrainingConfig, progress: ProgressListener | None
    ) -> RefitStatus:
        """Post the job, and follow it to its end. After the loss of the helper, resume from the last checkpoint."""
        for _ in range(MAILBOX_TRIES):
            self.start()
            try:
                ray.get(self._mailbox.post.remote(kind, job, config))
                self._busy = True
                status = self._follow(progress)
            except RayActorError:
                log.warning(
                    "the helper process of the refit was lost; another goes on from the last checkpoint"
                )
                self._kill()
            else:
                self._busy = False
                return status
        raise RaybootError(
            f"the refit lost its helper process {MAILBOX_TRIES} times; the machine may lack memory"
        )

    def _could_grow(self) -> bool:
        """Whether one more elastic worker would fit."""
        if self._fit is None or self._workers == self._config.workers:
            return False
        return count_fitting_workers(worker_resources(self._config), least=0, most=1) == 1

    def _follow(self, progress: ProgressListener | None) -> RefitStatus:
        """Return the final status. Restart elastic workers that have ended before the refit."""
        status: RefitStatus = RefitStatus()
        shown, failures, started = None, 0, 0
        waits_since: float | None = time.monotonic()
        while True:
            alive = self._has_workers()
            status = ray.get(self._mailbox.status.remote(status.revision))
            if status.starts > max(started, 1):
                log.warning("training workers were lost; others go on from the last checkpoint")
            started = status.starts
            if status.placement_group is not None:
                self._placement_group, waits_since = status.placement_group, None
            elif waits_since is not None and time.monotonic() - waits_since > PENDING_SECONDS:
                waits_since = None
                if any(group["state"] == "PENDING" for group in placement_group_table().values()):
                    why = why_pending(worker_resources(self._config))
                    log.warning(f"the training workers ({self._workers}) wait for resources: {why}")
            if progress is not None and status.progress not in (None, shown):
                shown = status.progress
                progress(*shown)
            if status.fields is not None or status.error is not None:
                return status
            if alive:
                continue
            error = ray.get(self._fit) or RaybootError("the refit's workers ended before it was finished")
            if not self._config.min_workers or failures == self._config.max_failures:
                return status.model_copy(update={"error": error})
            failures += 1
            self._start_workers()


def refit(job: RefitJob, config: TrainingConfig, progress: ProgressListener | None = None) -> RefitResult:
    """Run one refit with its own workers: `Refitter.refit` for a single job."""
    with Refitter(config, job.storage, job.name) as refitter:
        return refitter.refit(job, progress)


def _check(job: RefitJob, config: TrainingConfig) -> None:
    """Check the job before the workers begin.

    Raises:
        UserError: The model, its tokenizer or the examples are missing, or DeepSpeed cannot be used as configured.
    """
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
