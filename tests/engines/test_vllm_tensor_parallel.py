"""A model on two processes generates the text of the whole model, with its first weights and with new ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.policies import adapter, nudged

from rayboot.config import GenerationConfig, VllmConfig
from rayboot.engines import GenerationRequest, Generator, SamplingParams, create_engine
from rayboot.recipes import resolve_model

pytest.importorskip("vllm", reason="vLLM is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SEED_MODEL = resolve_model("quickstart")
PROMPTS = ["def add(a, b):\n", "def double(x):\n    return", "Write a function to sort a list.\n"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Generator]:
    options = VllmConfig(max_model_len=384, max_lora_rank=4, tensor_parallel=2)
    engine = create_engine(GenerationConfig(engine="vllm", batch_size=4, vllm=options), SEED_MODEL)
    yield engine
    await engine.close()


async def greedy(engine: Generator) -> list[str]:
    requests = [
        GenerationRequest(prompt=prompt, seeds=(0,), params=SamplingParams(max_tokens=12))
        for prompt in PROMPTS
    ]
    return [result.completions[0].text for result in await engine.generate(requests)]


async def test_each_process_loads_its_shard_of_new_weights(engine: Generator, tmp_path: Path) -> None:
    whole = create_engine(GenerationConfig(dtype="float32"), SEED_MODEL)
    outputs = [await greedy(engine)]
    assert outputs[0] == await greedy(whole)
    published = [
        nudged(SEED_MODEL, tmp_path / "nudged"),
        SEED_MODEL,
        adapter(SEED_MODEL, tmp_path / "adapter"),
    ]
    for version, checkpoint in enumerate(published, 1):
        for each in (engine, whole):
            await each.publish(checkpoint, version)
        outputs.append(await greedy(engine))
        assert outputs[-1] == await greedy(whole)
    assert outputs[0] == outputs[2]
    assert outputs[0] != outputs[1] != outputs[3] != outputs[0]
