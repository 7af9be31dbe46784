"""The driver's side of a refit: check the job, post it to Ray Train workers, follow it, report what failed."""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import ray
from ray import ObjectRef
from ray.actor import ActorHandle
from ray.exceptions import GetTimeoutError, RayActorError
from ray.util.placement_group import placement_group_table

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError, UserError
from rayboot.models.directory import base_of
from rayboot.pools.actors import remote
from rayboot.pools.cluster import start_beside_driver
from rayboot.pools.resources import PENDING_SECONDS, why_pending
from rayboot.training.fit import (
    Held,
    RefitMailbox,
    RefitStatus,
    count_fitting_workers,
    free,
    held,
    wait_until_removed,
    worker_resources,
)
from rayboot.training.job import RefitJob, RefitKind, RefitResult, StepListener, Workspace, finished_refit
from rayboot.training.training_set import count_rows, parquet_files
from rayboot.training.zero import deepspeed_options

CLOSE_SECONDS = 10.0
"""Longest wait for workers to stop."""
MAILBOX_TRIES = 3
"""Number of helper processes that a refit may lose before it fails."""

log = logging.getLogger("rayboot")


@dataclass
class _Workers:
    """Workers that run or are starting, and the helper process with their mailbox."""

    mailbox: ActorHandle[RefitMailbox]
    end: ObjectRef[RaybootError | None]
    """Result of `RefitMailbox.start_workers`, ready once the workers have ended."""
    count: int
    earlier: Held
    """What the job held before these workers."""
    busy: bool = False

    @property
    def have_ended(self) -> bool:
        return bool(ray.wait([self.end], timeout=0)[0])


class Refitter:
    """Ray Train workers that persist across refits: only the first refit waits for their start.

    Ray must be connected. The workers hold the CPUs and GPUs that `config` requests until `close`.
    """

    def __init__(self, config: TrainingConfig, storage: str, name: str = "refit") -> None:
        """Take a folder for Ray Train's own state, and a name for its run; both the same after a restart."""
        self._config = config
        self._storage = storage
        self._name = name
        self._workers: _Workers | None = None

    @property
    def workers(self) -> int:
        """Number of workers that run or are starting."""
        return self._workers.count if self._workers else 0

    def start(self) -> None:
        """Start the workers in the background."""
        self._started()

    def refit(
        self,
        job: RefitJob,
        progress: StepListener | None = None,
        *,
        kind: RefitKind = "sft",
        config: TrainingConfig | None = None,
    ) -> RefitResult:
        """Train `job.start` on the training set, and write the best checkpoint to `job.output`. Blocks.

        A job with the name of an interrupted one resumes it, and ends with the weights of an uninterrupted one (on
        CPUs, bit for bit). `config` has the options of this refit alone: those about workers and their resources have
        no effect here.

        Raise UserError if no model or no example can be read, or all examples are too long. Raise RaybootError if the
        refit diverged, the disk is full, workers failed more often than `config.max_failures` allows, or the helper was
        lost `MAILBOX_TRIES` times.
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
        shutil.rmtree(Workspace(job).root, ignore_errors=True)
        if status.error is not None:
            raise status.error
        assert status.result is not None  # it has ended
        if not math.isfinite(status.result.train_loss):
            log.warning(f"the refit diverged; the best weights, of step {status.result.best_step}, are kept")
        return status.result

    def close(self) -> None:
        """Stop the workers, and wait until their resources are free. The next refit starts new ones.

        Workers in the middle of an interrupted refit are killed.
        """
        if self._workers is None:
            return
        placement_group = None
        with suppress(RayActorError, GetTimeoutError):
            closing = remote(self._workers.mailbox, RefitMailbox.close)
            placement_group = ray.get(closing, timeout=CLOSE_SECONDS)
        if placement_group is None or self._workers.busy:
            self._kill()
        else:
            wait_until_removed(placement_group, CLOSE_SECONDS)
            # Not killed: Ray ends the helper after its last call, in which Ray Train cleans up.
            self._workers = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> _Workers:
        """Return the workers, new ones if there are none or they have ended."""
        if self._workers is None or self._workers.have_ended:
            self._kill()
            settings = {name: value for name, value in os.environ.items() if name.startswith("RAY_TRAIN_")}
            mailbox = start_beside_driver(RefitMailbox, settings)
            earlier = held(worker_resources(self._config))
            self._workers = _Workers(mailbox, *self._start_workers(mailbox), earlier)
        return self._workers

    def _start_workers(
        self, mailbox: ActorHandle[RefitMailbox]
    ) -> tuple[ObjectRef[RaybootError | None], int]:
        """Start workers that take refits from the mailbox; elastic ones, as many as fit now."""
        count, least = self._config.workers, self._config.min_workers
        if least is not None:
            count = count_fitting_workers(worker_resources(self._config), least, count)
        start = RefitMailbox.start_workers
        return remote(mailbox, start, self._config, count, self._storage, self._name), count

    def _kill(self) -> None:
        """Kill the helper and with it the workers. Free their resources, which would outlive them."""
        if self._workers is not None:
            ray.kill(self._workers.mailbox)
            free(worker_resources(self._config), self._workers.earlier, CLOSE_SECONDS)
        self._workers = None

    def _run(
        self, kind: RefitKind, job: RefitJob, config: TrainingConfig, progress: StepListener | None
    ) -> RefitStatus:
        """Post the job, and follow it to its end. After the loss of the helper, resume from the last checkpoint."""
        for _ in range(MAILBOX_TRIES):
            workers = self._started()
            try:
                ray.get(remote(workers.mailbox, RefitMailbox.post, kind, job, config))
                workers.busy = True
                status = self._follow(workers, progress)
            except RayActorError:
                log.warning(
                    "the helper process of the refit was lost; another goes on from the last checkpoint"
                )
                self._kill()
            else:
                workers.busy = False
                return status
        raise RaybootError(
            f"the refit lost its helper process {MAILBOX_TRIES} times; the machine may lack memory"
        )

    def _could_grow(self) -> bool:
        """Return whether one more elastic worker would fit."""
        if self._workers is None or self._workers.count == self._config.workers:
            return False
        return count_fitting_workers(worker_resources(self._config), least=0, most=1) == 1

    def _follow(self, workers: _Workers, progress: StepListener | None) -> RefitStatus:
        """Return the final status. Restart elastic workers that have ended before the refit."""
        status = RefitStatus()
        shown, failures, started = None, 0, 0
        waits_since: float | None = time.monotonic()
        while True:
            had_ended = workers.have_ended
            status = ray.get(remote(workers.mailbox, RefitMailbox.status, status.revision))
            if status.starts > max(started, 1):
                log.warning("training workers were lost; others go on from the last checkpoint")
            started = status.starts
            if status.placement_group is not None:
                waits_since = None
            elif waits_since is not None and time.monotonic() - waits_since > PENDING_SECONDS:
                waits_since = None
                if any(group["state"] == "PENDING" for group in placement_group_table().values()):
                    why = why_pending(worker_resources(self._config))
                    log.warning(f"the training workers ({workers.count}) wait for resources: {why}")
            if progress is not None and status.progress not in (None, shown):
                shown = status.progress
                progress(*shown)
            if status.has_ended:
                return status
            if had_ended:
                error = ray.get(workers.end) or RaybootError(
                    "the refit's workers ended before it was finished"
                )
                if not self._config.min_workers or failures == self._config.max_failures:
                    return status.model_copy(update={"error": error})
                failures += 1
                workers.end, workers.count = self._start_workers(workers.mailbox)


def _check(job: RefitJob, config: TrainingConfig) -> None:
    """Check the job before the workers begin. Raise UserError if it cannot be done."""
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
