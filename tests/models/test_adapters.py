"""Adapters (LoRA) as new weights of the `transformers` engine, and as models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from support.tiny_models import tiny_llama
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from rayboot.config import GenerationConfig
from rayboot.engines import GenerationRequest, Generator, SamplingParams, create_engine
from rayboot.errors import UserError
from rayboot.models import check_model

CONFIG = GenerationConfig(dtype="float64", batch_size=4)
PROMPTS = ("def add(", "write", "for item in")


def make_adapter(
    path: Path, base: str, seed: int, *, kind: type = AutoModelForCausalLM, **options: object
) -> str:
    """Create an adapter with random weights, with its tokenizer."""
    torch.manual_seed(seed)
    model = kind.from_pretrained(base)
    config = LoraConfig(
        r=4, lora_alpha=16, init_lora_weights=False, **{"target_modules": "all-linear", **options}
    )
    get_peft_model(model, config).save_pretrained(path)
    AutoTokenizer.from_pretrained(base).save_pretrained(path)
    return str(path)


@pytest.fixture(scope="module")
def adapters(llama: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("adapters")
    return make_adapter(folder / "1", llama, 1), make_adapter(folder / "2", llama, 2)


async def texts(engine: Generator) -> list[str]:
    params = SamplingParams(max_tokens=20)
    results = await engine.generate(
        [GenerationRequest(prompt=prompt, seeds=(0,), params=params) for prompt in PROMPTS]
    )
    return [result.completions[0].text for result in results]


def merged_by_peft(base: str, adapter: str, folder: Path, kind: type = AutoModelForCausalLM) -> str:
    """Create the directory of a full model."""
    model = PeftModel.from_pretrained(kind.from_pretrained(base, dtype=torch.float64), adapter)
    model.merge_and_unload().save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return str(folder)


async def test_a_published_adapter_generates_as_pefts_merged_model(
    llama: str, adapters: tuple[str, str], tmp_path: Path
) -> None:
    engine = create_engine(CONFIG, llama)
    before = await texts(engine)
    outputs = []
    for version, adapter in enumerate(adapters, 1):
        merged = create_engine(CONFIG, merged_by_peft(llama, adapter, tmp_path / str(version)))
        await engine.publish(adapter, version)
        outputs.append(await texts(engine))
        assert outputs[-1] == await texts(merged)
    # The second adapter replaced the first one; full weights replace both.
    assert before != outputs[0] != outputs[1] != before
    await engine.publish(llama, 3)
    assert await texts(engine) == before


async def test_an_adapter_directory_is_a_model(llama: str, adapters: tuple[str, str]) -> None:
    check_model(adapters[0])
    as_model, published = create_engine(CONFIG, adapters[0]), create_engine(CONFIG, llama)
    await published.publish(adapters[0], 1)
    assert await texts(as_model) == await texts(published)


async def test_an_encoder_decoder_loads_adapters(t5: str, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", t5, 1, kind=AutoModelForSeq2SeqLM)
    merged = create_engine(CONFIG, merged_by_peft(t5, adapter, tmp_path / "whole", AutoModelForSeq2SeqLM))
    engine = create_engine(CONFIG, t5)
    await engine.publish(adapter, 1)
    assert await texts(engine) == await texts(merged)


def of_another_model(adapter: Path) -> None:
    larger = tiny_llama(adapter.with_name("larger"))
    model = AutoModelForCausalLM.from_pretrained(larger)
    model.config.intermediate_size = 128
    type(model)(model.config).save_pretrained(larger)
    make_adapter(adapter, larger, 1)


def of_other_layers(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["c_attn"]}))


def without_weights(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()


def with_half_of_the_weights(adapter: Path) -> None:
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def without_a_base(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": str(adapter / "gone")})
    )


def with_biases(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"bias": "all"}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (of_another_model, "cannot be used with this model: .*size mismatch"),
        (of_other_layers, "cannot be used with this model: .*c_attn"),
        (without_weights, r"has no adapter_model\.safetensors"),
        (with_half_of_the_weights, "cannot be used with this model"),
        (without_a_base, "names a base model that is not there: model directory .*gone does not exist"),
        (with_biases, "cannot be used with this model: it replaces weights"),
    ],
)
async def test_a_bad_adapter_is_refused_and_the_old_weights_stay(
    llama: str, tmp_path: Path, damage: object, message: str
) -> None:
    adapter = tmp_path / "adapter"
    make_adapter(adapter, llama, 1)
    engine = create_engine(CONFIG, llama)
    before = await texts(engine)
    damage(adapter)
    with pytest.raises(UserError, match=message):
        await engine.publish(str(adapter), 1)
    assert engine.version == 0
    assert await texts(engine) == before
    # A good adapter is loaded afterwards.
    good = make_adapter(tmp_path / "good", llama, 2)
    await engine.publish(good, 2)
    assert await texts(engine) != before
