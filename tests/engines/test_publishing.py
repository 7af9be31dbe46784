from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.tiny_models import tiny_llama, tiny_t5
from transformers import AutoModelForCausalLM

from rayboot.config import GenerationConfig
from rayboot.engines import GenerationRequest, GenerationResult, Generator, SamplingParams, create_engine
from rayboot.errors import UserError

CONFIG = GenerationConfig(dtype="float64", batch_size=4)


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model of `llama` with other weights."""
    return tiny_llama(tmp_path_factory.mktemp("refitted"), seed=1)


def requests(count: int = 1) -> list[GenerationRequest]:
    params = SamplingParams(max_tokens=20)
    return [GenerationRequest(prompt=f"def f{number}(", seeds=(0,), params=params) for number in range(count)]


async def texts(engine: Generator) -> list[str]:
    return [result.completions[0].text for result in await engine.generate(requests(3))]


async def test_published_weights_generate_as_in_a_new_engine(llama: str, refitted: str) -> None:
    engine, fresh = create_engine(CONFIG, llama), create_engine(CONFIG, refitted)
    before = await texts(engine)
    await engine.publish(refitted, 1)
    assert engine.version == 1
    assert await texts(engine) == await texts(fresh) != before
    await engine.publish(llama, 2)
    assert await texts(engine) == before


async def test_an_encoder_decoder_loads_weights(t5: str, tmp_path: Path) -> None:
    other = tiny_t5(tmp_path, seed=1)
    engine, fresh = create_engine(CONFIG, t5), create_engine(CONFIG, other)
    await engine.publish(other, 1)
    assert await texts(engine) == await texts(fresh)


async def test_requests_in_flight_are_finished_with_the_old_weights(llama: str, refitted: str) -> None:
    old, new = create_engine(CONFIG, llama), create_engine(CONFIG, refitted)
    expected_before, expected_after = await old.generate(requests(10)), await new.generate(requests(10))

    early = [asyncio.create_task(old.generate([request])) for request in requests(10)]
    await asyncio.sleep(0.02)
    publish = asyncio.create_task(old.publish(refitted, 7))
    await asyncio.sleep(0)
    late = [asyncio.create_task(old.generate([request])) for request in requests(10)]
    await publish

    assert [(await task)[0] for task in early] == expected_before
    assert [(await task)[0] for task in late] == [with_version(each, 7) for each in expected_after]


def with_version(result: GenerationResult, version: int) -> GenerationResult:
    return result.model_copy(update={"version": version})


async def test_sharded_and_narrower_weights_are_loaded(llama: str, refitted: str, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(refitted, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(os.listdir(tmp_path)) > 4
    engine = create_engine(CONFIG, llama)
    await engine.publish(str(tmp_path), 1)
    weight = model.model.norm.weight.double()
    assert torch.equal(engine._model.model.norm.weight, weight)
    assert torch.equal(engine._model.lm_head.weight, model.lm_head.weight.double())


async def test_tied_weights_may_be_stored_under_each_name(llama: str, refitted: str, tmp_path: Path) -> None:
    weights = load_file(Path(refitted) / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, tmp_path / "model.safetensors")
    engine, fresh = create_engine(CONFIG, llama), create_engine(CONFIG, refitted)
    await engine.publish(str(tmp_path), 1)
    assert await texts(engine) == await texts(fresh)


def without_a_layer(path: Path) -> None:
    weights = load_file(path / "model.safetensors")
    save_file(
        {name: each for name, each in weights.items() if "layers.1" not in name}, path / "model.safetensors"
    )


def with_an_unknown_tensor(path: Path) -> None:
    weights = load_file(path / "model.safetensors")
    save_file(weights | {"value_head.weight": torch.ones(3)}, path / "model.safetensors")


def with_another_shape(path: Path) -> None:
    weights = load_file(path / "model.safetensors")
    save_file(weights | {"model.norm.weight": torch.ones(3)}, path / "model.safetensors")


def truncated(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def without_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_a_layer, r"lacks model\.layers\.1.* and 6 more"),
        (with_an_unknown_tensor, r"unknown value_head\.weight"),
        (with_another_shape, r"model\.norm\.weight \(3,\) for \(32,\)"),
        (truncated, "cannot be read"),
        (without_weights, "no safetensors file"),
        (shutil.rmtree, "no safetensors file"),
    ],
)
async def test_a_bad_checkpoint_is_refused_and_the_old_weights_stay(
    llama: str, refitted: str, tmp_path: Path, damage: object, message: str
) -> None:
    checkpoint = Path(shutil.copytree(refitted, tmp_path / "checkpoint"))
    damage(checkpoint)
    engine = create_engine(CONFIG, llama)
    before = await texts(engine)
    with pytest.raises(UserError, match=message):
        await engine.publish(str(checkpoint), 1)
    assert engine.version == 0
    assert await texts(engine) == before
