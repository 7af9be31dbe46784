"""Pools send calls to the least loaded actor, and repeat a dead actor's calls on another."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest
import ray
from ray import cloudpickle
from ray.actor import ActorHandle

from rayboot.pools.actor_pool import ActorPool, ReplicaFailure
from rayboot.pools.actors import remote, start_actor

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Ray's processes cannot import it

REPLACED_SECONDS = 10.0
"""Enough for Ray to start a process, even on a busy machine."""


class Worker:
    def __init__(self) -> None:
        self.calls = 0

    async def ping(self) -> None: ...

    async def close(self) -> None: ...

    async def work(self, seconds: float) -> int:
        self.calls += 1
        await asyncio.sleep(seconds)
        return os.getpid()

    async def count(self) -> int:
        return self.calls

    async def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def pid(self) -> int:
        return os.getpid()


@pytest.fixture
def workers(ray_session: None) -> Iterator[list[ActorHandle[Worker]]]:
    actors = [start_actor(Worker, num_cpus=0, max_restarts=-1, max_concurrency=100) for _ in range(2)]
    ray.get([remote(actor, Worker.ping) for actor in actors])
    yield actors
    for actor in actors:
        ray.kill(actor)


async def test_calls_spread_over_the_actors(workers) -> None:
    pool = ActorPool(workers)
    await asyncio.gather(*(pool.call(Worker.work, 0.2) for _ in range(10)))
    assert await asyncio.gather(*(worker.count.remote() for worker in workers)) == [5, 5]


async def test_an_actor_killed_in_mid_call_is_replaced_and_nothing_is_lost(workers) -> None:
    pool = ActorPool(workers)
    pids = await asyncio.gather(*(worker.pid.remote() for worker in workers))
    calls = [asyncio.create_task(pool.call(Worker.work, 1.0)) for _ in range(10)]
    await asyncio.sleep(0.3)
    os.kill(pids[0], signal.SIGKILL)
    answers = await asyncio.gather(*calls)
    assert len(answers) == 10
    assert pids[0] not in answers
    await pool.call(Worker.work, 0.0)
    await asyncio.sleep(REPLACED_SECONDS)
    answered = set(await asyncio.gather(*(pool.call(Worker.work, 0.2) for _ in range(8))))
    assert len(answered) == 2
    assert pids[0] not in answered


async def test_work_that_kills_every_actor_fails_after_three_tries(workers) -> None:
    with pytest.raises(ReplicaFailure, match="die lost its actor 3 times"):
        await ActorPool(workers).call(Worker.die)


async def test_an_error_in_the_work_is_the_callers(workers) -> None:
    with pytest.raises(Exception, match="TypeError"):
        await ActorPool(workers).call(Worker.work, "no number")


async def test_a_pool_travels_to_other_processes(workers) -> None:
    @ray.remote(num_cpus=0)
    def elsewhere(pool: ActorPool[Worker]) -> tuple[int, int]:
        return os.getpid(), asyncio.run(pool.call(Worker.work, 0.0))

    caller, answerer = await elsewhere.remote(ActorPool(workers))
    assert caller != answerer
    assert answerer in await asyncio.gather(*(worker.pid.remote() for worker in workers))
