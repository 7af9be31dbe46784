"""Where the driver leaves refits for the workers, and finds how they go: a helper process, which runs Ray Train too."""

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
    """Counts the refits of these workers, from 1."""
    kind: str
    job: RefitJob
    config: TrainingConfig


WAIT_SECONDS = 1.0
"""Longest time that the desk keeps someone waiting for news."""


class Standing(Frozen):
    """How a refit goes."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    news: int = 0
    """Counts the changes."""
    progress: tuple[int, int, float] | None = None
    """Steps done, steps in all, latest training loss."""
    fields: dict[str, Any] | None = None
    """RefitResult's, once it is finished."""
    error: RaybootError | None = None
    """Why it failed, where trying again would not help."""
    room: PlacementGroup | None = None
    """What Ray keeps for the workers until they are gone; None before they have arrived."""
    starts: int = 0
    """Times that the workers began or resumed it."""


class RefitDesk:
    """A Ray actor, one for a group of workers. Workers that were restarted ask again, and get what is unfinished.

    The workers are lost with it: who finds it gone makes another, and posts what is unfinished again.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Args:
        environment: Variables of the driver that set Ray Train's behaviour.
        """
        os.environ.update(environment)
        self._changed = asyncio.Condition()
        self._assignment: Assignment | None = None
        self._standing = Standing()
        self._closed = False

    async def hire(
        self, config: TrainingConfig, workers: int, storage: str, name: str
    ) -> RaybootError | None:
        """Start workers, who take what is posted. Returns when they are gone: why, or None if they were sent home.

        Raises:
            RayActorError: Ray Train's own actor, which looks after them, is lost.
        """
        desk = ray.get_runtime_context().current_actor
        try:
            await asyncio.to_thread(fit, config, workers, storage, name, desk)
        except RayActorError:
            raise
        except Exception as error:
            return explain("the refit", error)
        return None

    async def post(self, kind: str, job: RefitJob, config: TrainingConfig) -> None:
        """Leave a refit. The one before must be over."""
        number = self._assignment.number + 1 if self._assignment else 1
        async with self._changed:
            self._assignment = Assignment(number=number, kind=kind, job=job, config=config)
            self._standing = Standing(news=self._standing.news + 1, room=self._standing.room)
            self._changed.notify_all()

    async def arrive(self, room: PlacementGroup) -> None:
        """Workers are there, and this is what Ray keeps for them."""
        await self._update(room=room)

    async def take(self, rank: int, after: int) -> Assignment | None:
        """Wait for an unfinished refit whose number is above `after`. None when there will be no more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._is_open(after))
        if self._closed:
            return None
        if rank == 0:
            await self._update(starts=self._standing.starts + 1)
        return self._assignment

    async def note(self, step: int, total: int, loss: float) -> None:
        await self._update(progress=(step, total, loss))

    async def finish(self, fields: dict[str, Any]) -> None:
        await self._update(fields=fields)

    async def fail(self, error: RaybootError) -> None:
        await self._update(error=error)

    async def standing(self, seen: int) -> Standing:
        """How the refit goes, as soon as there is more than `seen` news; without any, as it went."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._standing.news > seen)
        return self._standing

    async def close(self) -> PlacementGroup | None:
        """Send the workers home: each call of `take` answers None. What was kept for them; None if none arrived."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()
        return self._standing.room

    def _is_open(self, after: int) -> bool:
        unfinished = self._standing.fields is None and self._standing.error is None
        return self._assignment is not None and self._assignment.number > after and unfinished

    async def _update(self, **changes: Any) -> None:
        async with self._changed:
            self._standing = self._standing.model_copy(update={"news": self._standing.news + 1, **changes})
            self._changed.notify_all()


class ProgressNotes:
    """Tells the desk how a refit goes, at most twice a second."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._sent = float("-inf")

    def __call__(self, step: int, total: int, loss: float) -> None:
        if step == total or time.monotonic() - self._sent > 0.5:
            self._desk.note.remote(step, total, loss)
            self._sent = time.monotonic()
