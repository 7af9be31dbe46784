"""A trained model generates exactly the trained text and then stops, with all tokenizers and special tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.policies import overfit
from support.tiny_models import METASPACE, byte_level, metaspace, tiny_llama
from tokenizers import processors
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedTokenizerFast

from rayboot.config import GenerationConfig as EngineConfig
from rayboot.config import VllmConfig
from rayboot.engines import (
    Completion,
    GenerationRequest,
    Generator,
    SamplingParams,
    create_engine,
    load_token_counter,
)
from rayboot.errors import UserError
from rayboot.models.loading import encode, load_tokenizer
from rayboot.models.special_tokens import EndTokens
from rayboot.rollout.prompting import load_render

SIGNATURE = 'def add(a, b):\n    """Add two numbers."""\n'
PAIRS = [
    (SIGNATURE, "    return a + b"),
    ("# Task\nAdd.\n# Solution\n", "def add(a, b):\n    return a + b\n\n\nprint('</s>')"),
    ("x =", " [1,\n     2]  "),
    ("if x:", "\n    y = '😀 naïve'\n"),
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QUESTION = [{"role": "user", "content": "Add."}]


async def generate(model: str, prompts: Sequence[str], stop: tuple[str, ...] = ()) -> list[Completion]:
    engine = create_engine(EngineConfig(dtype="float32"), model)
    completions = await generate_with(engine, prompts, stop)
    await engine.close()
    return completions


async def generate_with(
    engine: Generator, prompts: Sequence[str], stop: tuple[str, ...] = ()
) -> list[Completion]:
    params = SamplingParams(max_tokens=60, stop=stop)
    results = await engine.generate(
        [GenerationRequest(prompt=prompt, seeds=(0,), params=params) for prompt in prompts]
    )
    return [completion for result in results for completion in result.completions]


@pytest.mark.parametrize("kind", [*METASPACE, "byte level"])
async def test_generated_text_is_the_trained_text(tmp_path: Path, kind: str) -> None:
    tokenizer = byte_level("<pad>") if kind == "byte level" else metaspace(kind)
    model = tiny_llama(tmp_path, tokenizer=tokenizer)
    overfit(model, PAIRS)
    completions = await generate(model, [prompt for prompt, _ in PAIRS])
    assert [(each.text, each.finish_reason) for each in completions] == [(text, "stop") for _, text in PAIRS]

    stop = (" a + b", "\n ")
    stopped = await generate(model, [prompt for prompt, _ in PAIRS], stop)
    assert [each.text for each in stopped] == ["    return", "def add(a, b):", " [1,", ""]
    assert all(short.tokens < whole.tokens for short, whole in zip(stopped, completions, strict=True))


async def test_an_end_token_that_the_tokenizer_adds_is_not_part_of_prompts(tmp_path: Path) -> None:
    adding = metaspace("always")
    adding._tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    plain, model = metaspace("always"), tiny_llama(tmp_path, tokenizer=adding)
    assert adding("x =")["input_ids"] == [*plain("x =")["input_ids"], 2]
    assert encode(adding, "x =") == encode(plain, "x =") == plain("x =")["input_ids"]
    assert encode(adding, "x =", continues=False)[-1] == 2
    overfit(model, PAIRS)  # encodes prompts as in a refit
    adding._tokenizer.post_processor = plain._tokenizer.post_processor
    adding.save_pretrained(model)
    completions = await generate(model, [prompt for prompt, _ in PAIRS])
    assert [each.text for each in completions] == [text for _, text in PAIRS]


def chat_model(path: Path, eos: str, template: str = CHATML) -> str:
    """Create a model with different end tokens in its tokenizer, generation config and chat template."""
    tokenizer = metaspace("first")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|config|>"]})
    tokenizer.eos_token = eos
    tokenizer.chat_template = template
    size = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|late|>"]})
    model = tiny_llama(path, tokenizer=tokenizer, vocabulary=size, head_dim=32)
    config = GenerationConfig(eos_token_id=tokenizer.convert_tokens_to_ids("<|config|>"))
    config.save_pretrained(path)
    return model


def end_tokens(model: str) -> EndTokens:
    tokenizer = load_tokenizer(model)
    return EndTokens.of(tokenizer, GenerationConfig.from_pretrained(model), len(tokenizer))


def tokens(model: str, *names: str) -> list[int]:
    found: list[int] = load_tokenizer(model).convert_tokens_to_ids(list(names))
    return found


async def test_a_text_ends_with_the_tokenizers_end_token_and_a_turn_with_the_chat_templates(
    tmp_path: Path,
) -> None:
    model = chat_model(tmp_path, "</s>")
    prompt = load_render(model)(QUESTION)
    eos, turn_end, config = tokens(model, "</s>", "<|im_end|>", "<|config|>")
    assert set(end_tokens(model).ids) == {eos, turn_end, config}
    assert end_tokens(model).for_prompt(prompt) == turn_end
    assert end_tokens(model).for_prompt(SIGNATURE) == eos

    overfit(model, [(prompt, "return a"), PAIRS[0]])
    completions = await generate(model, [prompt, SIGNATURE])
    assert [each.text for each in completions] == ["return a", PAIRS[0][1]]
    assert {each.finish_reason for each in completions} == {"stop"}


@pytest.mark.slow
async def test_vllm_generates_the_same(tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed")
    model = chat_model(tmp_path, "</s>")
    prompt = load_render(model)(QUESTION)
    pairs = [*PAIRS, (prompt, "return a")]
    overfit(model, pairs)
    prompts = [prompt for prompt, _ in pairs]
    config = EngineConfig(engine="vllm", dtype="float32", vllm=VllmConfig(max_model_len=200))
    engine = create_engine(config, model)
    assert [each.text for each in await generate_with(engine, prompts)] == [text for _, text in pairs]
    for stop in ((), (" a + b", "\n "), ("😀",)):
        assert await generate_with(engine, prompts, stop) == await generate(model, prompts, stop)
    with pytest.raises(UserError, match="the model has no embedding for token"):
        await generate_with(engine, ["<|late|>"])
    await engine.close()


@pytest.mark.parametrize(
    ("turn", "end"),
    [
        ("<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n", "<|im_end|>"),
        ("<|im_start|>{{ m.role }}\n{{ m.content }}\n", "<|im_start|>"),
        (
            "{% if m.role == 'user' %}<s>[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}</s>{% endif %}",
            "</s>",
        ),
        ("\n\n{{ m.role }}: {{ m.content }}", None),
        ("{{ raise_exception('never') }}", None),
    ],
    ids=[
        "a turn has its own end",
        "the next turn is the end",
        "a turn ends a text",
        "plain text",
        "a bad template",
    ],
)
def test_the_end_of_a_turn_is_that_of_the_chat_template(tmp_path: Path, turn: str, end: str | None) -> None:
    model = chat_model(tmp_path, "</s>", "{% for m in messages %}" + turn + "{% endfor %}")
    assert end_tokens(model).turn_end == (None if end is None else tokens(model, end)[0])


def test_a_rendered_chat_has_the_tokens_of_its_template(tmp_path: Path) -> None:
    template = "<s>{% for m in messages %}[INST] {{ m.content }} [/INST]{% endfor %}"
    for kind in METASPACE:
        tokenizer = metaspace(kind)
        tokenizer.chat_template = template
        model = tiny_llama(tmp_path / kind, tokenizer=tokenizer)
        prompt = load_render(model)(QUESTION)
        expected = tokenizer.apply_chat_template(QUESTION, tokenize=True, return_dict=False)
        assert encode(load_tokenizer(model), prompt) == expected
        assert load_token_counter(EngineConfig(), model)(prompt) == len(expected)


@pytest.mark.parametrize("pad", [-1, 10_000, None])
async def test_a_pad_token_without_an_embedding_is_not_used(tmp_path: Path, pad: int | None) -> None:
    prompts = ["x", SIGNATURE]
    model = tiny_llama(tmp_path, tokenizer=metaspace("first"))
    expected = [*await generate(model, prompts[:1]), *await generate(model, prompts[1:])]
    for file in ("config.json", "generation_config.json"):
        config = json.loads((tmp_path / file).read_text())
        (tmp_path / file).write_text(json.dumps({**config, "pad_token_id": pad}))
    assert await generate(model, prompts) == expected


async def test_a_token_of_a_prompt_without_an_embedding_is_named(tmp_path: Path) -> None:
    tokenizer: PreTrainedTokenizerFast = metaspace("first")
    size = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    model = tiny_llama(tmp_path, tokenizer=tokenizer, vocabulary=size)
    with pytest.raises(
        UserError, match=rf"the prompt: .* token {size} \('<\|im_start\|>'\).* 0 to {size - 1}:"
    ):
        await generate(model, ["<|im_start|>user"])
    with pytest.raises(UserError, match=r"a training example: .*'<\|im_start\|>'"):
        overfit(model, [("<|im_start|>", "x")])
    assert await generate(model, ["x"])


async def test_ids_that_the_tokenizer_does_not_know_have_no_text(tmp_path: Path) -> None:
    tokenizer = metaspace("first")
    model = tiny_llama(tmp_path, tokenizer=tokenizer, vocabulary=len(tokenizer) + 64)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    loaded.lm_head.weight.data[: len(tokenizer)] = 0  # so that only other ids are generated
    loaded.save_pretrained(model)
    [completion] = await generate(model, ["x"], stop=("a",))
    assert (completion.text, completion.tokens) == ("", 60)
