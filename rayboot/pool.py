"""A pool of replicated Ray actors: least-loaded dispatch, retry elsewhere, and waiting for a dead one's replacement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayActorError

from rayboot.errors import RaybootError

REVIVAL_SECONDS = 600.0
CLOSE_SECONDS = 5.0


class ReplicaFailure(RaybootError):
    """A piece of work lost its actor too often."""


class ActorPool:
    """A client's view of equal actors. Travels to other processes; each counts its own calls in flight.

    The actors are made with `max_restarts=-1`: Ray replaces a dead one behind the same handle, and the pool
    sends its work elsewhere until the replacement answers.
    """

    def __init__(self, actors: Sequence[Any], tries: int = 3) -> None:
        """Serve calls with `actors`, each of which has the methods `ping` and `close`.

        Args:
            actors: Handles of equal Ray actors.
            tries: How often a call may lose its actor before it fails with `ReplicaFailure`.
        """
        self._actors = list(actors)
        self._tries = tries
        self._load = [0] * len(self._actors)
        self._down: dict[int, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._actors)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ActorPool, (self._actors, self._tries))

    async def call(self, method: str, *args: Any) -> Any:
        """Call `method` on the least loaded live actor and return its result.

        Raises:
            ReplicaFailure: The call lost its actor `tries` times.
        """
        for _ in range(self._tries):
            index = await self._least_loaded()
            self._load[index] += 1
            try:
                return await getattr(self._actors[index], method).remote(*args)
            except RayActorError as error:
                cause = error
                self._await_revival(index)
            finally:
                self._load[index] -= 1
        raise ReplicaFailure(f"{method} lost its actor {self._tries} times; the last time: {cause}")

    def broadcast(self, method: str, *args: Any) -> list[Any]:
        """Call `method` on every actor, wait, and return the results in order. For drivers, not for coroutines."""
        return list(ray.get([getattr(actor, method).remote(*args) for actor in self._actors]))

    def poll(self, method: str, seconds: float) -> dict[int, Any]:
        """Call `method` on every actor, and return the results, by the actor's number, of those that answer in time."""
        calls = {getattr(actor, method).remote(): number for number, actor in enumerate(self._actors)}
        answered, _ = ray.wait(list(calls), num_returns=len(calls), timeout=seconds)
        found: dict[int, Any] = {}
        for call in answered:
            with suppress(RayActorError):  # lost, and replaced by one that begins anew
                found[calls[call]] = ray.get(call)
        return found

    def shutdown(self) -> None:
        """Let the actors close what they hold, and end them."""
        closing = [actor.close.remote() for actor in self._actors]
        ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for actor in self._actors:
            ray.kill(actor)

    async def _least_loaded(self) -> int:
        while len(self._down) == len(self._actors):
            await asyncio.wait(self._down.values(), return_when=asyncio.FIRST_COMPLETED)
        return min((i for i in range(len(self._actors)) if i not in self._down), key=lambda i: self._load[i])

    def _await_revival(self, index: int) -> None:
        if index not in self._down:
            self._down[index] = asyncio.create_task(self._revive(index))

    async def _revive(self, index: int) -> None:
        deadline = asyncio.get_running_loop().time() + REVIVAL_SECONDS
        try:
            while asyncio.get_running_loop().time() < deadline:
                try:
                    await self._actors[index].ping.remote()
                    return
                except RayActorError:
                    await asyncio.sleep(0.2)
        finally:
            del self._down[index]
