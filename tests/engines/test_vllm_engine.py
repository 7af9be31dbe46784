"""The vLLM engine, with a real vLLM. All tests share one engine, because its start is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import torch
from support.policies import adapter, nudged

from rayboot.config import GenerationConfig, VllmConfig
from rayboot.engines import (
    Completion,
    EngineDied,
    GenerationRequest,
    Generator,
    SamplingParams,
    create_engine,
)
from rayboot.errors import UserError
from rayboot.recipes import resolve_model

pytest.importorskip("vllm", reason="vLLM is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SEED_MODEL = resolve_model("quickstart")
PROMPTS = ["def add(a, b):\n", "def double(x):\n    return", "Write a function to sort a list.\n", "x = [1,"]
GREEDY = SamplingParams(max_tokens=40)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Generator]:
    options = VllmConfig(max_model_len=384, max_lora_rank=4)
    engine = create_engine(GenerationConfig(engine="vllm", batch_size=16, vllm=options), SEED_MODEL)
    yield engine
    await engine.close()


async def complete(
    engine: Generator, params: SamplingParams = GREEDY, seeds: tuple[int, ...] = (0,)
) -> list[tuple[Completion, ...]]:
    requests = [GenerationRequest(prompt=prompt, seeds=seeds, params=params) for prompt in PROMPTS]
    return [result.completions for result in await engine.generate(requests)]


async def transformers_completions(
    model: str, params: SamplingParams = GREEDY
) -> list[tuple[Completion, ...]]:
    engine = create_engine(GenerationConfig(dtype="float32"), model)
    completions = await complete(engine, params)
    await engine.close()
    return completions


async def test_greedy_completions_are_those_of_the_transformers_engine(engine: Generator) -> None:
    assert await complete(engine) == await transformers_completions(SEED_MODEL)


async def test_log_probabilities_are_those_of_the_transformers_engine(engine: Generator) -> None:
    params = GREEDY.model_copy(update={"logprobs": True})
    vllm_completions, expected = (
        await complete(engine, params),
        await transformers_completions(SEED_MODEL, params),
    )
    for [mine], [theirs] in zip(vllm_completions, expected, strict=True):
        assert mine.token_ids == theirs.token_ids
        assert mine.logprobs == pytest.approx(theirs.logprobs, abs=1e-3)


async def test_stop_strings_end_a_completion_and_are_not_part_of_it(engine: Generator) -> None:
    params = SamplingParams(max_tokens=40, stop=("\n", "return"))
    stopped = await complete(engine, params)
    assert stopped == await transformers_completions(SEED_MODEL, params)
    assert all("\n" not in completion.text for [completion] in stopped)


async def test_a_seed_alone_decides_a_sample(engine: Generator) -> None:
    params = SamplingParams(max_tokens=24, temperature=1.0)
    many = await complete(engine, params, seeds=(1, 2, 3, 4))
    assert [samples[2] for samples in many] == [sample for [sample] in await complete(engine, params, (3,))]
    assert all(len({sample.text for sample in samples}) > 1 for samples in many)


async def test_samples_and_later_requests_share_prompt_prefixes(engine: Generator) -> None:
    prompt = "".join(f"def f{number}(x):\n    return x + {number}\n" for number in range(16))
    request = GenerationRequest(prompt=prompt, seeds=(1, 2, 3, 4), params=GREEDY)
    await engine.generate([request])
    [again] = await engine.generate([request])
    assert again.cached_tokens > 2 * again.prompt_tokens, "of four samples, except the last block of each"


async def test_published_weights_generate_as_in_the_transformers_engine(
    engine: Generator, tmp_path: Path
) -> None:
    before = await complete(engine)
    other = nudged(SEED_MODEL, tmp_path)
    await engine.publish(other, engine.version + 1)
    assert await complete(engine) == await transformers_completions(other) != before
    await engine.publish(SEED_MODEL, engine.version + 1)
    assert await complete(engine) == before


async def test_each_adapter_replaces_the_previous_one(engine: Generator, tmp_path: Path) -> None:
    elsewhere = create_engine(GenerationConfig(dtype="float32"), SEED_MODEL)
    outputs = [await complete(engine)]
    for number in (1, 2):
        checkpoint = adapter(SEED_MODEL, tmp_path / str(number), seed=number)
        await engine.publish(checkpoint, engine.version + 1)
        await elsewhere.publish(checkpoint, number)
        outputs.append(await complete(engine))
        assert outputs[-1] == await complete(elsewhere)
    assert outputs[0] != outputs[1] != outputs[2] != outputs[0]
    await engine.publish(SEED_MODEL, engine.version + 1)
    assert await complete(engine) == outputs[0]


async def test_new_weights_wait_for_requests_in_flight(engine: Generator, tmp_path: Path) -> None:
    before, version = await complete(engine), engine.version
    task = asyncio.create_task(complete(engine))
    await asyncio.sleep(0.01)
    await engine.publish(nudged(SEED_MODEL, tmp_path), version + 1)
    assert task.done()
    assert await task == before
    await engine.publish(SEED_MODEL, version + 2)


async def test_a_request_that_takes_too_long_is_aborted(
    engine: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = SamplingParams(max_tokens=300, temperature=2.0)
    monkeypatch.setattr(engine, "_timeout", 0.1)
    reasons = {
        each.finish_reason for samples in await complete(engine, params, (1, 2, 3)) for each in samples
    }
    assert "abort" in reasons
    monkeypatch.setattr(engine, "_timeout", None)
    assert {each.finish_reason for [each] in await complete(engine)} <= {"stop", "length"}


async def test_weights_of_another_model_are_refused_and_change_nothing(engine: Generator, llama: str) -> None:
    before, version = await complete(engine), engine.version
    with pytest.raises(UserError, match="another model's weights"):
        await engine.publish(llama, version + 1)
    assert engine.version == version
    assert await complete(engine) == before


async def test_a_call_to_a_dead_process_fails(engine: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = await complete(engine), engine.version
    vllm = engine._engine  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(vllm, "collective_rpc", lambda *args, **kwargs: asyncio.Event().wait())
        patch.setattr(type(vllm), "errored", True)
        with pytest.raises(EngineDied, match="process is gone"):
            await asyncio.wait_for(engine.publish(SEED_MODEL, version + 1), timeout=30)
    assert engine.version == version
    assert await complete(engine) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs, so vLLM is built for them")
async def test_a_build_of_vllm_for_other_devices_is_named() -> None:
    with pytest.raises(UserError, match=r"generation\.gpus is 1, and the installed vLLM is built for CPUs"):
        create_engine(GenerationConfig(engine="vllm", gpus=1), SEED_MODEL)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs, so vLLM is built for them")
async def test_a_model_with_an_unsupported_head_size_is_refused_before_the_start(llama: str) -> None:
    with pytest.raises(UserError, match=r"attention head size is 8, .* 32, .*: use engine: transformers"):
        create_engine(GenerationConfig(engine="vllm"), llama)


async def test_a_prompt_that_does_not_fit_is_an_error_for_its_caller_only(engine: Generator) -> None:
    long = GenerationRequest(prompt="x = 1\n" * 200, seeds=(0,), params=GREEDY)
    with pytest.raises(UserError, match="do not fit the model's context of 384 tokens"):
        await engine.generate([long])
    assert await complete(engine)
