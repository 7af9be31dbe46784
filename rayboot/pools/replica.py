"""The Ray actor that holds one generation engine, and the start of a pool of such actors."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray

from rayboot.config import GenerationConfig
from rayboot.engines import Billed, EngineDied, GenerationRequest, GenerationResult, Sleeper, create_engine
from rayboot.engines.base import Usage
from rayboot.pools.actor_pool import ActorPool
from rayboot.pools.throughput import Throughput, ThroughputMeter
from rayboot.storage import localize
from rayboot.values import Frozen


class Weights(Frozen):
    """A checkpoint and its version: 0 for the pretrained model, then the number of the refit in the run."""

    checkpoint: str
    version: int


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

        Raises:
            RuntimeError: The replica has newer weights.
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

        Raises:
            RuntimeError: The replica has newer weights.
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


def start_generation_pool(config: GenerationConfig, model: str) -> ActorPool:
    """Start the replicas, which load the model in the background."""
    actor: Any = ray.remote(GenerationReplica).options(
        num_cpus=config.cpus,
        num_gpus=config.gpus,
        max_restarts=-1,
        max_concurrency=1000,
        runtime_env={"env_vars": {"OMP_NUM_THREADS": str(max(1, math.ceil(config.cpus)))}},
    )
    return ActorPool(
        [actor.remote(config, model) for _ in range(config.replicas)],
        kind="generation replica",
        demand={"CPU": config.cpus, "GPU": config.gpus},
    )
