"""The refit's helper process: it runs Ray Train, and passes refits and their status between driver and workers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import ray
from pydantic import ConfigDict
from ray import PlacementGroupID
from ray.actor import ActorHandle
from ray.exceptions import RayActorError
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError
from rayboot.pools.failures import explain
from rayboot.pools.resources import live_actors
from rayboot.storage import Storage
from rayboot.training.job import RefitJob, RefitKind, RefitResult
from rayboot.values import Frozen

WAIT_SECONDS = 1.0
"""Longest time that `RefitMailbox.status` waits for a change."""
PLACEMENT_SECONDS = 3.0
"""Longest wait for the resources of one more elastic worker: those of a lost worker are freed with a delay."""
START_ATTEMPTS = 10
"""Number of times that Ray Train waits a minute for the workers' CPUs and GPUs before the refit fails."""


class Assignment(Frozen):
    number: int
    """Number of this refit among those of the same workers, from 1."""
    kind: RefitKind
    job: RefitJob
    config: TrainingConfig


class RefitStatus(Frozen):
    """Status of the refit that was posted last."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    revision: int = 0
    """Number of changes so far."""
    progress: tuple[int, int, float] | None = None
    """Steps done, total steps, latest training loss."""
    result: RefitResult | None = None
    """None until the refit is finished."""
    error: RaybootError | None = None
    """Why the refit failed, where a retry would fail again."""
    placement_group: PlacementGroup | None = None
    """Resources that Ray holds for the workers until they have ended; None before the workers have registered."""
    starts: int = 0
    """Number of times that the workers began or resumed the refit."""

    @property
    def has_ended(self) -> bool:
        return self.result is not None or self.error is not None


class RefitMailbox:
    """A Ray actor with one group of workers. Restarted workers ask again, and get the unfinished refit.

    If the actor is lost, its workers are lost with it. The driver then starts another and posts the unfinished refit
    again.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the driver's environment variables that configure Ray Train."""
        os.environ.update(environment)
        self._changed = asyncio.Condition()
        self._assignment: Assignment | None = None
        self._status = RefitStatus()
        self._closed = False

    async def start_workers(
        self, config: TrainingConfig, workers: int, storage: str, name: str
    ) -> RaybootError | None:
        """Start workers that do what is posted. Return when they have ended: the cause, or None after `close`.

        Raise RayActorError if Ray Train's own controller actor is lost.
        """
        mailbox = ray.get_runtime_context().current_actor
        try:
            await asyncio.to_thread(_run_ray_train, config, workers, storage, name, mailbox)
        except RayActorError:
            raise
        except Exception as error:
            return explain("the refit", error)
        return None

    async def post(self, kind: RefitKind, job: RefitJob, config: TrainingConfig) -> None:
        """Post a refit. The one before must have ended."""
        number = self._assignment.number + 1 if self._assignment else 1
        async with self._changed:
            before = self._status
            self._assignment = Assignment(number=number, kind=kind, job=job, config=config)
            self._status = RefitStatus(revision=before.revision + 1, placement_group=before.placement_group)
            self._changed.notify_all()

    async def register(self, placement_group: PlacementGroup | None) -> None:
        """Record that the workers have started, and the resources that Ray holds for them."""
        await self._update(placement_group=placement_group)

    async def take(self, rank: int, after: int) -> Assignment | None:
        """Wait for an unfinished refit whose number is above `after`. Return None once the mailbox is closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._has_unfinished(after))
        if self._closed:
            return None
        if rank == 0:
            await self._update(starts=self._status.starts + 1)
        return self._assignment

    async def report_progress(self, step: int, total: int, loss: float) -> None:
        await self._update(progress=(step, total, loss))

    async def finish(self, result: RefitResult) -> None:
        await self._update(result=result)

    async def fail(self, error: RaybootError) -> None:
        await self._update(error=error)

    async def status(self, seen: int) -> RefitStatus:
        """Return the status once its revision is above `seen`, or after `WAIT_SECONDS` without a change."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._status.revision > seen)
        return self._status

    async def close(self) -> PlacementGroup | None:
        """Stop the workers: each call of `take` returns None. Return their resources; None if none have registered."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()
        return self._status.placement_group

    def _has_unfinished(self, after: int) -> bool:
        return self._assignment is not None and self._assignment.number > after and not self._status.has_ended

    async def _update(self, **changes: object) -> None:
        async with self._changed:
            self._status = self._status.model_copy(update={"revision": self._status.revision + 1, **changes})
            self._changed.notify_all()


def _run_ray_train(
    config: TrainingConfig, workers: int, storage: str, name: str, mailbox: ActorHandle[RefitMailbox]
) -> None:
    """Run workers that take refits from `mailbox`, until it is closed.

    Ray Train blocks, and returns ten seconds late where Ray has no dashboard, because one of its actors asks the
    dashboard whether the run has ended. In the driver it would replace the handler of Ctrl-C, and would still be in a
    Ray call at `ray.shutdown`: the process would read freed memory.
    """
    # Imported here because they import torch.
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from rayboot.training import worker

    for logger in ("ray.data", "ray.train", "ray.tune"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    # Ray Train reads these only from the environment; the user's own values stay.
    # The interval at which it polls its workers: it notices a dead worker no sooner.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    if len(ray.nodes()) == 1:  # type: ignore[no-untyped-call]
        # The watcher is an actor that takes seconds to start, and watches only nodes other than the driver's.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    shared = Storage(storage)
    TorchTrainer(
        lambda: worker.serve(mailbox, config.cpus_per_worker),
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=config.gpus_per_worker > 0,
            resources_per_worker=worker_resources(config),
        ),
        run_config=RunConfig(
            name=name,
            storage_path=shared.root,
            storage_filesystem=None if shared.is_local else shared.fs,
            failure_config=FailureConfig(
                # The refitter restarts elastic workers, as many as fit then.
                max_failures=0 if config.min_workers else config.max_failures,
                controller_failure_limit=START_ATTEMPTS,  # type: ignore[call-arg]
            ),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    ).fit()


def worker_resources(config: TrainingConfig) -> dict[str, float]:
    """Return the CPUs and GPUs that one worker requests from Ray."""
    gpus = {"GPU": config.gpus_per_worker} if config.gpus_per_worker else {}
    return {"CPU": config.cpus_per_worker, **gpus}


def count_fitting_workers(resources: dict[str, float], least: int, most: int) -> int:
    """Return how many such workers fit on the cluster now, between `least` (assumed to fit) and `most`.

    Ray Train's own elastic policy counts the nodes' total resources, not the free ones: the engines' GPUs included.
    """
    for count in range(most, least, -1):
        group = placement_group([resources] * count)
        fits = group.wait(PLACEMENT_SECONDS)
        remove_placement_group(group)
        if fits:
            return count
    return least


class Held(NamedTuple):
    """Ids of what a Ray job holds for training workers."""

    controllers: set[str]
    groups: set[str]
    """Placement groups."""


def held(resources: dict[str, float]) -> Held:
    """Return what this Ray job holds now for workers with these resources.

    The id of a placement group ends with that of its job.
    """
    job = ray.get_runtime_context().get_job_id()
    groups = {
        name
        for name, group in placement_group_table().items()
        if name.endswith(job)
        and group["state"] != "REMOVED"
        and all(bundle == resources for bundle in group["bundles"].values())
    }
    return Held(live_actors("TrainController"), groups)


def free(resources: dict[str, float], earlier: Held, seconds: float) -> None:
    """Remove the placement groups of killed workers: all that the job did not hold `earlier`.

    Ray Train's controller creates a group before it tells of it, and Ray keeps the group when the controller dies: the
    run would lack its CPUs. So wait for the controller's end first, for at most these seconds.
    """
    end = time.monotonic() + seconds
    while held(resources).controllers - earlier.controllers and time.monotonic() < end:
        time.sleep(0.1)
    for name in held(resources).groups - earlier.groups:
        remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(name))))


def wait_until_removed(group: PlacementGroup, seconds: float) -> None:
    """Wait until Ray has removed the workers' placement group, which it does as it ends them."""
    end = time.monotonic() + seconds
    while placement_group_table(group).get("state") != "REMOVED" and time.monotonic() < end:
        time.sleep(0.1)
