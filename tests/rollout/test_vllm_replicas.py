"""Two vLLM replicas: the engine of one dies during requests, and none is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.policies import nudged
from support.ray_cluster import ray_processes

from rayboot.config import GenerationConfig, VllmConfig
from rayboot.engines import GenerationRequest, SamplingParams, create_engine
from rayboot.pools.replica import GenerationPool, GenerationReplica, Weights, start_generation_pool
from rayboot.recipes import resolve_model

pytest.importorskip("vllm", reason="vLLM is not installed")
pytestmark = pytest.mark.slow

SEED_MODEL = resolve_model("quickstart")
PROMPTS = [f"def f{number}(a, b):\n" for number in range(24)]
GREEDY = SamplingParams(max_tokens=60)


@pytest.fixture
def pool(ray_session: None) -> Iterator[GenerationPool]:
    config = GenerationConfig(engine="vllm", replicas=2, batch_size=4, vllm=VllmConfig(max_model_len=256))
    pool = start_generation_pool(config, SEED_MODEL)
    yield pool
    pool.shutdown()


def request(prompt: str) -> list[GenerationRequest]:
    return [GenerationRequest(prompt=prompt, seeds=(0,), params=GREEDY)]


async def by_transformers(model: str) -> list[str]:
    engine = create_engine(GenerationConfig(dtype="float32"), model)
    results = [await engine.generate(request(prompt)) for prompt in PROMPTS]
    await engine.close()
    return [result.completions[0].text for [result] in results]


async def by_pool(pool: GenerationPool, weights: Weights) -> list[str]:
    results = await asyncio.gather(
        *(pool.call(GenerationReplica.generate, request(prompt), weights) for prompt in PROMPTS)
    )
    assert {result.version for [result] in results} == {weights.version}
    return [result.completions[0].text for [result] in results]


def engine_cores() -> list[psutil.Process]:
    """Return vLLM's processes below the replicas of these tests."""
    replicas = ray_processes("GenerationReplica")
    return [child for each in replicas for child in each.children() if "EngineCore" in child.name()]


async def test_a_lost_engine_loses_no_request(pool: GenerationPool, tmp_path: Path) -> None:
    assert pool.broadcast(GenerationReplica.publish, Weights(checkpoint=SEED_MODEL, version=0)) == [0, 0]
    refitted = Weights(checkpoint=nudged(SEED_MODEL, tmp_path), version=1)
    lost, other = engine_cores()
    asked = asyncio.create_task(by_pool(pool, refitted))
    await asyncio.sleep(0.5)
    os.kill(lost.pid, signal.SIGKILL)
    assert await asked == await by_transformers(refitted.checkpoint)
    assert other.is_running()

    other.parent().kill()
    deadline = time.monotonic() + 20
    while other.is_running() and other.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the engine outlives its replica"
        await asyncio.sleep(0.2)
