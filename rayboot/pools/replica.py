"""The Ray actor that holds one generation engine, and the pool of such actors, with a ledger of its throughput."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rayboot.config import POLICY, GenerationConfig
from rayboot.engines import Billed, EngineDied, GenerationRequest, GenerationResult, Sleeper, create_engine
from rayboot.engines.base import Usage
from rayboot.pools.actor_pool import ActorPool
from rayboot.pools.actors import start_actor
from rayboot.pools.throughput import Throughput, ThroughputMeter
from rayboot.storage import localize
from rayboot.values import Frozen

POLL_SECONDS = 5.0
"""Interval between two polls of the replicas."""
ANSWER_SECONDS = 2.0
"""Longest wait for an answer during a stage."""
LAST_ANSWER_SECONDS = 60.0
"""Longest wait for an answer at the start and at the end of a stage."""


class Weights(Frozen):
    """A checkpoint of the model with a role, and its version."""

    checkpoint: str
    version: int
    """0 for the pretrained model, then the number of the model's refit in the run."""
    role: str = POLICY


class GenerationReplica:
    """One engine in a Ray actor, which persists across iterations and takes new weights in place.

    Each request names its weights. A restarted replica has the pretrained ones, and loads those of the request before
    it answers. A request for older weights than the replica's is refused.
    """

    def __init__(self, config: GenerationConfig, model: str) -> None:
        self._engine = create_engine(config, localize(model))
        self._publishing = asyncio.Lock()
        self._meter = ThroughputMeter(config.openai.max_concurrency if config.openai else config.batch_size)

    async def ping(self) -> None:
        """Answer once the engine is ready."""

    async def close(self) -> None:
        """Free the engine's memory, and stop its processes."""
        await self._engine.close()

    async def generate(
        self, requests: Sequence[GenerationRequest], weights: Weights
    ) -> list[GenerationResult]:
        """Answer the requests, in order, with exactly these weights.

        If the engine dies, the replica's process ends: Ray replaces it, and the pool sends the requests again.

        Raise RuntimeError if the replica has newer weights.
        """
        await self.publish(weights)
        with _ending_with_engine(), self._meter.busy(sum(len(request.seeds) for request in requests)):
            results = await self._engine.generate(requests)
        self._meter.count(results)
        return results

    async def throughput(self) -> Throughput:
        """Return the counts since the replica was started."""
        return self._meter.total(self._engine.usage if isinstance(self._engine, Billed) else Usage())

    async def sleep(self) -> None:
        """Free the GPU's memory until the next `publish`, if the engine can."""
        if isinstance(self._engine, Sleeper):
            with _ending_with_engine():
                await self._engine.sleep()

    async def publish(self, weights: Weights) -> int:
        """Load the weights unless they are in use already, and return the version in use.

        Raise RuntimeError if the replica has newer weights.
        """
        async with self._publishing:
            if weights.version < self._engine.version:
                raise RuntimeError(
                    f"a request for weights {weights.version} came after weights {self._engine.version}: "
                    "a rollout must not mix versions"
                )
            if weights.version > self._engine.version:
                with _ending_with_engine():
                    await self._engine.publish(localize(weights.checkpoint), weights.version)
        return self._engine.version


@contextmanager
def _ending_with_engine() -> Iterator[None]:
    """End this process when its engine dies: Ray replaces it, and the pool sends the calls again."""
    try:
        yield
    except EngineDied as error:
        print(f"a generation replica ends: {error}", file=sys.stderr, flush=True)
        os._exit(1)


GenerationPool: TypeAlias = "ActorPool[GenerationReplica]"


def start_generation_pool(config: GenerationConfig, model: str, role: str = POLICY) -> GenerationPool:
    """Start the replicas, which load the model in the background. `role` names them in messages."""
    options = {
        "num_cpus": config.cpus,
        "num_gpus": config.gpus,
        "max_restarts": -1,
        "max_concurrency": 1000,
        "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(max(1, math.ceil(config.cpus)))}},
    }
    actors = [start_actor(GenerationReplica, config, model, **options) for _ in range(config.replicas)]
    kind = "generation replica" if role == POLICY else f"{role} replica"
    return ActorPool(actors, kind=kind, demand={"CPU": config.cpus, "GPU": config.gpus})


class ThroughputLedger:
    """The driver's sum of the replicas' counts in one stage. It survives a replica, whose replacement begins at 0."""

    def __init__(self, before: Throughput) -> None:
        """Args:
        before: Counts of interrupted runs in the same stage.
        """
        self.total = before
        self._pool: GenerationPool | None = None
        self._last: dict[int, Throughput] = {}
        self._polled = 0.0

    def follow(self, pool: GenerationPool) -> None:
        """Begin to count from the replicas' counts of now."""
        self._pool, self._polled = pool, time.monotonic()
        self._last = pool.poll(GenerationReplica.throughput, LAST_ANSWER_SECONDS)

    def update(self, now: bool = False) -> None:
        """Add the counts since the last update. Without `now`, replicas are polled every `POLL_SECONDS` at most.

        A replica that does not answer in time, such as one that is restarting, is left out.
        """
        if self._pool is None or not (now or time.monotonic() - self._polled > POLL_SECONDS):
            return
        seconds = LAST_ANSWER_SECONDS if now else ANSWER_SECONDS
        for replica, total in self._pool.poll(GenerationReplica.throughput, seconds).items():
            last = self._last.get(replica, Throughput())
            self.total += total - last if total.requests >= last.requests else total
            self._last[replica] = total
        self._polled = time.monotonic()
