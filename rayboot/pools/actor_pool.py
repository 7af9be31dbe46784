"""A pool of replicated Ray actors: least-loaded dispatch, retry elsewhere, and waiting for a dead one's replacement."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError

from rayboot.errors import RaybootError
from rayboot.pools.failures import explain
from rayboot.pools.resources import actor_record, why_pending

REVIVAL_SECONDS = 600.0
"""Longest wait for an actor when none answers."""
PENDING_SECONDS = 30.0
"""An actor without a place for so long is reported, and a broadcast goes on without it."""
START_TRIES = 5
"""An actor that dies this often as it starts will not start."""
FIRST_SECONDS = 1.0
DIED_HINT = "the machine may lack memory for it, and Ray's logs have its last words"
CLOSE_SECONDS = 5.0

log = logging.getLogger("rayboot")


class ReplicaFailure(RaybootError):
    """A piece of work lost its actor too often."""


@dataclass
class _Standing:
    """What the driver knows of one actor."""

    restarts: int = 0
    restarts_alive: int = 0
    """Restarts when it was last seen alive."""
    waits_since: float | None = None
    """When it was first seen without a place; None while it has one."""
    reported: bool = False

    @property
    def is_absent(self) -> bool:
        """Whether it has had no place for long."""
        return self.waits_since is not None and time.monotonic() - self.waits_since > PENDING_SECONDS


class ActorPool:
    """A client's view of equal actors. Travels to other processes; each counts its own calls in flight.

    The actors are made with `max_restarts=-1`: Ray replaces a dead one behind the same handle, and the pool
    sends its work elsewhere until the replacement answers. An actor whose constructor raises is no lost one: Ray
    replaces it no more, and whoever uses the pool gets the constructor's error.
    """

    def __init__(
        self,
        actors: Sequence[Any],
        tries: int = 3,
        kind: str = "actor",
        asks: Mapping[str, float] | None = None,
    ) -> None:
        """Serve calls with `actors`, each of which has the methods `ping` and `close`.

        Args:
            actors: Handles of equal Ray actors.
            tries: How often a call may lose its actor before it fails with `ReplicaFailure`.
            kind: What messages call one of them.
            asks: Resources that each asks of its node.
        """
        self._actors = list(actors)
        self._tries = tries
        self.kind = kind
        self._asks = dict(asks or {})
        self._load = [0] * len(self._actors)
        self._opening: asyncio.Task[Any] | None = None
        self._down: dict[int, asyncio.Task[None]] = {}
        self._start_error: RaybootError | None = None
        self._standings = [_Standing() for _ in self._actors]

    def __len__(self) -> int:
        return len(self._actors)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ActorPool, (self._actors, self._tries, self.kind, self._asks))

    async def call(self, method: str, *args: Any) -> Any:
        """Call `method` on the least loaded live actor and return its result.

        Raises:
            ReplicaFailure: The call lost its actor `tries` times.
            RaybootError: An actor cannot start, or none answers for `REVIVAL_SECONDS`.
        """
        for _ in range(self._tries):
            index = await self._least_loaded()
            self._load[index] += 1
            try:
                return await getattr(self._actors[index], method).remote(*args)
            except RayActorError as error:
                cause = error
                self._await_answer(index)
            finally:
                self._load[index] -= 1
        raise ReplicaFailure(f"{method} lost its {self.kind} {self._tries} times; the last time: {cause}")

    def broadcast(self, method: str, *args: Any) -> list[Any]:
        """Call `method` on every actor, wait, and return the results in order. For drivers, not for coroutines.

        A lost actor is asked again once it is replaced. One that has no place for long is left out, as long as there
        are others.

        Raises:
            RaybootError: An actor cannot start, or loses this call again and again.
        """
        asked = {getattr(actor, method).remote(*args): index for index, actor in enumerate(self._actors)}
        answers: dict[int, Any] = {}
        self.look()
        before = [standing.restarts for standing in self._standings]
        while asked:
            ready, _ = ray.wait(list(asked), timeout=1.0)
            for reference in ready:
                index = asked.pop(reference)
                try:
                    answers[index] = ray.get(reference)
                except RayActorError as error:
                    if error.actor_init_failed:
                        raise self._cannot_start(error) from error
                    time.sleep(0.2)
                    asked[getattr(self._actors[index], method).remote(*args)] = index
            if asked:
                self.look()
                losses = max(self._standings[index].restarts - before[index] for index in asked.values())
                if losses >= self._tries:
                    raise ReplicaFailure(
                        f"{method} lost its {self.kind} {losses} times in a row; {DIED_HINT}"
                    )
                if answers and all(self._standings[index].is_absent for index in asked.values()):
                    break
        return [answers[index] for index in sorted(answers)]

    def figures(self, method: str, seconds: float) -> dict[int, Any]:
        """Results of `method`, by the actor's number, from those that answer in time: nice to know, worth no wait."""
        asked = {getattr(actor, method).remote(): index for index, actor in enumerate(self._actors)}
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=seconds)
        results: dict[int, Any] = {}
        for reference in ready:
            with suppress(RayActorError):
                results[asked[reference]] = ray.get(reference)
        return results

    def look(self) -> None:
        """Report actors that were lost, and those that wait for a place. For the driver, now and then.

        Raises:
            RaybootError: An actor dies again and again as it starts.
        """
        for actor, standing in zip(self._actors, self._standings, strict=True):
            record = actor_record(actor)
            if not record or record["State"] == "DEAD":
                continue
            lost = record["NumRestarts"] - standing.restarts
            standing.restarts += lost
            if lost:
                log.warning(f"a {self.kind} was lost and is replaced; its work is done again")
            if record["State"] == "ALIVE":
                standing.restarts_alive = standing.restarts
            elif standing.restarts - standing.restarts_alive >= START_TRIES:
                raise RaybootError(
                    f"a {self.kind} died {START_TRIES} times in a row as it started; {DIED_HINT}"
                )
            self._note_place(standing, has_place=bool(record["Address"]["Port"]))

    @property
    def restarts(self) -> int:
        """Actors that were replaced, as far as `look` has seen."""
        return sum(standing.restarts for standing in self._standings)

    def shutdown(self) -> None:
        """Let the actors close what they hold, and end them."""
        closing = [actor.close.remote() for actor in self._actors]
        ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for actor in self._actors:
            ray.kill(actor)

    def _note_place(self, standing: _Standing, has_place: bool) -> None:
        if has_place:
            if standing.reported:
                log.warning(f"the {self.kind} that waited has its place")
            standing.waits_since, standing.reported = None, False
            return
        if standing.waits_since is None:
            standing.waits_since = time.monotonic()
        if standing.is_absent and not standing.reported:
            standing.reported = True
            log.warning(f"a {self.kind} waits for its place: {why_pending(self._asks)}")

    def _cannot_start(self, error: RayActorError) -> RaybootError:
        return explain(f"a {self.kind}'s start", error)

    async def _least_loaded(self) -> int:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        await asyncio.shield(self._opening)
        began = time.monotonic()
        while len(self._down) == len(self._actors) and self._start_error is None:
            left = REVIVAL_SECONDS - (time.monotonic() - began)
            if left <= 0:
                raise RaybootError(
                    f"no {self.kind} has answered for {REVIVAL_SECONDS:g} s: {why_pending(self._asks)}"
                )
            await asyncio.wait(self._down.values(), return_when=asyncio.FIRST_COMPLETED, timeout=left)
        if self._start_error is not None:
            raise self._start_error
        return min((i for i in range(len(self._actors)) if i not in self._down), key=lambda i: self._load[i])

    async def _open(self) -> None:
        """Find out which actors are there: a call to one without a place would wait for it."""
        for index in range(len(self._actors)):
            self._await_answer(index)
        await asyncio.wait(self._down.values(), timeout=FIRST_SECONDS)

    def _await_answer(self, index: int) -> None:
        if index not in self._down:
            self._down[index] = asyncio.create_task(self._answer(index))

    async def _answer(self, index: int) -> None:
        while True:
            try:
                await self._actors[index].ping.remote()
                break
            except RayActorError as error:
                if error.actor_init_failed:
                    self._start_error = self._cannot_start(error)
                    break
                await asyncio.sleep(0.2)
        del self._down[index]
