"""A pool of replicated Ray actors with least-loaded dispatch, retries on other actors, and waits for replacements."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError

from rayboot.errors import RaybootError
from rayboot.pools.actors import AsyncMethod, Method, remote
from rayboot.pools.failures import explain
from rayboot.pools.resources import PENDING_SECONDS, actor_record, why_pending

REVIVAL_SECONDS = 600.0
"""Longest wait of a call when no actor answers."""
START_TRIES = 5
"""Deaths in a row during an actor's start after which it is given up."""
FIRST_SECONDS = 1.0
"""Wait for the actors' first answers, before the first call is dispatched."""
DIED_HINT = "the machine may lack memory for it, and Ray's logs have its last words"
CLOSE_SECONDS = 5.0
"""Longest wait for the actors to close before they are killed."""

log = logging.getLogger("rayboot")


class PoolActor(Protocol):
    """What a pool expects of its actors."""

    def ping(self) -> object:
        """Answer once the actor can take calls."""

    def close(self) -> object:
        """Free what the actor holds outside its process."""


Actor = TypeVar("Actor", bound=PoolActor)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ReplicaFailure(RaybootError):
    """A call lost its actor too often."""


@dataclass
class _ActorState:
    """The driver's record of one actor."""

    restarts: int = 0
    restarts_alive: int = 0
    """Restarts when it was last seen alive."""
    waits_since: float | None = None
    """Time at which it was first seen without resources; None while it has them."""
    reported: bool = False
    """Whether the wait was reported."""

    @property
    def is_pending(self) -> bool:
        """Whether it has waited for resources longer than `PENDING_SECONDS`."""
        return self.waits_since is not None and time.monotonic() - self.waits_since > PENDING_SECONDS


class ActorPool(Generic[Actor]):
    """A client of equal actors. It can be pickled; each process counts its own calls in flight.

    The actors must have `max_restarts=-1`: Ray replaces a dead one behind the same handle, and the pool sends calls to
    others until the replacement answers. Ray does not replace an actor whose constructor raises: the pool's callers
    get the constructor's error.
    """

    def __init__(
        self,
        actors: Sequence[ActorHandle[Actor]],
        tries: int = 3,
        kind: str = "actor",
        demand: Mapping[str, float] | None = None,
    ) -> None:
        """Args:
        actors: Handles of equal Ray actors.
        tries: Number of actors that a call may lose before it fails with `ReplicaFailure`.
        kind: Name of one of the actors in messages.
        demand: Resources that each actor requests from its node.
        """
        self._actors = list(actors)
        self._tries = tries
        self.kind = kind
        self._demand = dict(demand or {})
        self._load = [0] * len(self._actors)
        self._opening: asyncio.Task[None] | None = None
        self._probes: dict[int, asyncio.Task[None]] = {}
        """Waits for the actors that do not answer, by index."""
        self._start_error: RaybootError | None = None
        self._states = [_ActorState() for _ in self._actors]

    def __len__(self) -> int:
        return len(self._actors)

    def __reduce__(self) -> tuple[object, ...]:
        return (ActorPool, (self._actors, self._tries, self.kind, self._demand))

    @overload
    async def call(
        self,
        method: AsyncMethod[Actor, Parameters, Result],
        *args: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Result: ...
    @overload
    async def call(
        self,
        method: Method[Actor, Parameters, Result],
        *args: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Result: ...
    async def call(self, method: Callable[..., object], *args: object, **keywords: object) -> object:
        """Call `method`, an attribute of the actors' class, on the least loaded live actor and return its result.

        Raise ReplicaFailure if the call lost its actor `tries` times. Raise RaybootError if an actor cannot start, or
        none answers for `REVIVAL_SECONDS`.
        """
        for _ in range(self._tries):
            index = await self._acquire()
            self._load[index] += 1
            try:
                return await remote(self._actors[index], method, *args, **keywords)
            except RayActorError as error:
                cause = error
                self._start_probe(index)
            finally:
                self._load[index] -= 1
        raise ReplicaFailure(
            f"{method.__name__} lost its {self.kind} {self._tries} times; the last time: {cause}"
        )

    @overload
    def broadcast(
        self,
        method: AsyncMethod[Actor, Parameters, Result],
        *args: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> list[Result]: ...
    @overload
    def broadcast(
        self,
        method: Method[Actor, Parameters, Result],
        *args: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> list[Result]: ...
    def broadcast(self, method: Callable[..., object], *args: object, **keywords: object) -> list[Any]:
        """Call `method` on every actor, block until all have answered, and return the results in the actors' order.

        A lost actor is called again. If other actors have answered, one that waits longer than `PENDING_SECONDS` for
        resources is left out.

        Raise ReplicaFailure if an actor was lost `tries` times during the call. Raise RaybootError if an actor cannot
        start.
        """
        pending = {
            remote(actor, method, *args, **keywords): index for index, actor in enumerate(self._actors)
        }
        answers: dict[int, object] = {}
        self.report_lost_actors()
        before = [state.restarts for state in self._states]
        while pending:
            ready, _ = ray.wait(list(pending), timeout=1.0)
            for reference in ready:
                index = pending.pop(reference)
                try:
                    answers[index] = ray.get(reference)
                except RayActorError as error:
                    if error.actor_init_failed:
                        raise self._cannot_start(error) from error
                    time.sleep(0.2)
                    pending[remote(self._actors[index], method, *args, **keywords)] = index
            if pending:
                self.report_lost_actors()
                losses = max(self._states[index].restarts - before[index] for index in pending.values())
                if losses >= self._tries:
                    raise ReplicaFailure(
                        f"{method.__name__} lost its {self.kind} {losses} times in a row; {DIED_HINT}"
                    )
                if answers and all(self._states[index].is_pending for index in pending.values()):
                    break
        return [answers[index] for index in sorted(answers)]

    def poll(
        self, method: Callable[[Actor], Coroutine[Any, Any, Result]], seconds: float
    ) -> dict[int, Result]:
        """Call `method` on every actor, and return the results by actor index of those that answer within `seconds`."""
        pending = {remote(actor, method): index for index, actor in enumerate(self._actors)}
        ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=seconds)
        results: dict[int, Result] = {}
        for reference in ready:
            with suppress(RayActorError):
                results[pending[reference]] = ray.get(reference)
        return results

    def report_lost_actors(self) -> None:
        """Log actors that were lost, and those that wait for resources. For the driver to call from time to time.

        Raise RaybootError if an actor died `START_TRIES` times in a row during its start.
        """
        for actor, state in zip(self._actors, self._states, strict=True):
            record = actor_record(actor)
            if not record or record["State"] == "DEAD":
                continue
            lost = record["NumRestarts"] - state.restarts
            state.restarts += lost
            if lost:
                log.warning(f"a {self.kind} was lost and is replaced; its work is done again")
            if record["State"] == "ALIVE":
                state.restarts_alive = state.restarts
            elif state.restarts - state.restarts_alive >= START_TRIES:
                raise RaybootError(
                    f"a {self.kind} died {START_TRIES} times in a row as it started; {DIED_HINT}"
                )
            self._report_pending(state, has_resources=bool(record["Address"]["Port"]))

    @property
    def restarts(self) -> int:
        """Number of actors that were replaced, as of the last `report_lost_actors`."""
        return sum(state.restarts for state in self._states)

    def shutdown(self) -> None:
        """Close the actors, and kill them."""
        closing = [remote(actor, PoolActor.close) for actor in self._actors]
        ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for actor in self._actors:
            ray.kill(actor)

    def _report_pending(self, state: _ActorState, has_resources: bool) -> None:
        if has_resources:
            if state.reported:
                log.warning(f"the {self.kind} that waited has its resources")
            state.waits_since, state.reported = None, False
            return
        if state.waits_since is None:
            state.waits_since = time.monotonic()
        if state.is_pending and not state.reported:
            state.reported = True
            log.warning(f"a {self.kind} waits for resources: {why_pending(self._demand)}")

    def _cannot_start(self, error: RayActorError) -> RaybootError:
        return explain(f"a {self.kind}'s start", error)

    async def _acquire(self) -> int:
        """Return the index of the least loaded actor that answers; wait for one if none does."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        await asyncio.shield(self._opening)
        began = time.monotonic()
        while len(self._probes) == len(self._actors) and self._start_error is None:
            left = REVIVAL_SECONDS - (time.monotonic() - began)
            if left <= 0:
                raise RaybootError(
                    f"no {self.kind} has answered for {REVIVAL_SECONDS:g} s: {why_pending(self._demand)}"
                )
            await asyncio.wait(self._probes.values(), return_when=asyncio.FIRST_COMPLETED, timeout=left)
        if self._start_error is not None:
            raise self._start_error
        return min(
            (i for i in range(len(self._actors)) if i not in self._probes), key=lambda i: self._load[i]
        )

    async def _open(self) -> None:
        """Find out which actors answer: a call to one without resources would wait for them."""
        for index in range(len(self._actors)):
            self._start_probe(index)
        await asyncio.wait(self._probes.values(), timeout=FIRST_SECONDS)

    def _start_probe(self, index: int) -> None:
        if index not in self._probes:
            self._probes[index] = asyncio.create_task(self._probe(index))

    async def _probe(self, index: int) -> None:
        while True:
            try:
                await remote(self._actors[index], PoolActor.ping)
                break
            except RayActorError as error:
                if error.actor_init_failed:
                    self._start_error = self._cannot_start(error)
                    break
                await asyncio.sleep(0.2)
        del self._probes[index]
