"""The refit's helper process: it runs Ray Train, and passes refits and their status between driver and workers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ray
from pydantic import ConfigDict
from ray.exceptions import RayActorError
from ray.util.placement_group import PlacementGroup

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError
from rayboot.pools.failures import explain
from rayboot.training.fit import fit
from rayboot.training.job import RefitJob
from rayboot.values import Frozen


class Assignment(Frozen):
    number: int
    """Number of this refit among those of the same workers, from 1."""
    kind: str
    job: RefitJob
    config: TrainingConfig


WAIT_SECONDS = 1.0
"""Longest time that `status` waits for a change."""


class RefitStatus(Frozen):
    """Status of the refit that was posted last."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    revision: int = 0
    """Number of changes so far."""
    progress: tuple[int, int, float] | None = None
    """Steps done, total steps, latest training loss."""
    fields: dict[str, Any] | None = None
    """Fields of RefitResult; None until the refit is finished."""
    error: RaybootError | None = None
    """Why the refit failed, where a retry would fail again."""
    placement_group: PlacementGroup | None = None
    """Resources that Ray holds for the workers until they have ended; None before the workers have registered."""
    starts: int = 0
    """Number of times that the workers began or resumed the refit."""


class RefitMailbox:
    """A Ray actor with one group of workers. Restarted workers ask again, and get the unfinished refit.

    If the actor is lost, its workers are lost with it. The driver then starts another and posts the unfinished refit
    again.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Args:
        environment: The driver's environment variables that configure Ray Train.
        """
        os.environ.update(environment)
        self._changed = asyncio.Condition()
        self._assignment: Assignment | None = None
        self._status = RefitStatus()
        self._closed = False

    async def start_workers(
        self, config: TrainingConfig, workers: int, storage: str, name: str
    ) -> RaybootError | None:
        """Start workers that do what is posted. Return when they have ended: the cause, or None after `close`.

        Raises:
            RayActorError: Ray Train's own controller actor is lost.
        """
        mailbox = ray.get_runtime_context().current_actor
        try:
            await asyncio.to_thread(fit, config, workers, storage, name, mailbox)
        except RayActorError:
            raise
        except Exception as error:
            return explain("the refit", error)
        return None

    async def post(self, kind: str, job: RefitJob, config: TrainingConfig) -> None:
        """Post a refit. The one before must have ended."""
        number = self._assignment.number + 1 if self._assignment else 1
        async with self._changed:
            self._assignment = Assignment(number=number, kind=kind, job=job, config=config)
            self._status = RefitStatus(
                revision=self._status.revision + 1, placement_group=self._status.placement_group
            )
            self._changed.notify_all()

    async def register(self, placement_group: PlacementGroup) -> None:
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

    async def finish(self, fields: dict[str, Any]) -> None:
        await self._update(fields=fields)

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
        unfinished = self._status.fields is None and self._status.error is None
        return self._assignment is not None and self._assignment.number > after and unfinished

    async def _update(self, **changes: Any) -> None:
        async with self._changed:
            self._status = self._status.model_copy(update={"revision": self._status.revision + 1, **changes})
            self._changed.notify_all()


class ProgressReporter:
    """Report progress to the mailbox at most twice a second, and the last step in any case."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox = mailbox
        self._sent = float("-inf")

    def __call__(self, step: int, total: int, loss: float) -> None:
        if step == total or time.monotonic() - self._sent > 0.5:
            self._mailbox.report_progress.remote(step, total, loss)
            self._sent = time.monotonic()
