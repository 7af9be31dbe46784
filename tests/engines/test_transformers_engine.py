from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import torch
from support.tiny_models import tiny_llama
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from rayboot.config import GenerationConfig
from rayboot.engines import Completion, GenerationRequest, SamplingParams, create_engine, load_token_counter
from rayboot.engines.transformers.engine import TransformersEngine, resolve_dtype
from rayboot.errors import UserError

PROMPTS = (
    "def add(",
    "Write a function to find the largest number in a list. # naïve",
    "x",
    "assert first([4, 5]) == 4\n" * 3,
    "def first(items):\n    for item in items:\n",
)
GREEDY = SamplingParams(max_tokens=30)
SAMPLED = SamplingParams(max_tokens=30, temperature=0.8, top_p=0.9)


def engine_on(model: str, **options: object) -> TransformersEngine:
    engine = create_engine(GenerationConfig(**{"dtype": "float64", **options}), model)
    assert isinstance(engine, TransformersEngine)
    return engine


@pytest.fixture(params=["llama", "t5"])
def model(request: pytest.FixtureRequest) -> str:
    """A causal model and an encoder-decoder: each test runs on both."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def engine(model: str) -> AsyncIterator[TransformersEngine]:
    engine = engine_on(model)
    yield engine
    await engine.close()


def make_request(
    prompt: str, params: SamplingParams = GREEDY, seeds: tuple[int, ...] = (1,)
) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, seeds=seeds, params=params)


async def completions(engine: TransformersEngine, *requests: GenerationRequest) -> list[Completion]:
    return [completion for result in await engine.generate(requests) for completion in result.completions]


def reference(model: str, prompt: str, **options: object) -> tuple[str, int]:
    """Return text and number of tokens that transformers itself generates for a prompt."""
    auto = AutoModelForSeq2SeqLM if "t5" in model else AutoModelForCausalLM
    reference_model, tokenizer = (
        auto.from_pretrained(model, dtype=torch.float64),
        AutoTokenizer.from_pretrained(model),
    )
    inputs = tokenizer(prompt, return_tensors="pt")
    output = reference_model.generate(**inputs, do_sample=False, **options)[0]
    generated = output[1 if "t5" in model else inputs["input_ids"].shape[1] :]
    return tokenizer.decode(generated, skip_special_tokens=True), len(generated)


async def test_greedy_text_is_that_of_transformers(engine: TransformersEngine, model: str) -> None:
    generated = await completions(engine, *map(make_request, PROMPTS))
    expected = [reference(model, prompt, max_new_tokens=30) for prompt in PROMPTS]
    assert [(each.text, each.tokens) for each in generated] == expected


async def test_tokens_and_their_log_probabilities_are_the_models(
    engine: TransformersEngine, model: str
) -> None:
    auto = AutoModelForSeq2SeqLM if "t5" in model else AutoModelForCausalLM
    reference_model, tokenizer = (
        auto.from_pretrained(model, dtype=torch.float64),
        AutoTokenizer.from_pretrained(model),
    )
    params = SAMPLED.model_copy(update={"logprobs": True})
    requests = [make_request(prompt, params, seeds=(1, 2)) for prompt in PROMPTS]
    without_logprobs = await completions(
        engine, *(make_request(each.prompt, SAMPLED, each.seeds) for each in requests)
    )
    generated = await completions(engine, *requests)
    assert [each.model_copy(update={"logprobs": ()}) for each in generated] == without_logprobs
    prompts = [request.prompt for request in requests for _ in request.seeds]
    for prompt, each in zip(prompts, generated, strict=True):
        inputs, ids = tokenizer(prompt, return_tensors="pt"), torch.tensor([each.token_ids])
        with torch.inference_mode():
            if "t5" in model:
                logits = reference_model(**inputs, labels=ids).logits[0]
            else:
                read = inputs["input_ids"].shape[1]
                logits = reference_model(torch.cat([inputs["input_ids"], ids], 1)).logits[0, read - 1 : -1]
        expected = logits.log_softmax(-1).gather(1, ids.T)[:, 0]
        assert len(each.token_ids) == each.tokens
        assert torch.allclose(torch.tensor(each.logprobs, dtype=torch.float64), expected, atol=1e-9)


async def test_beam_search_is_that_of_transformers(engine: TransformersEngine, model: str) -> None:
    params = SamplingParams(max_tokens=20, num_beams=3)
    generated = await completions(engine, *(make_request(prompt, params) for prompt in PROMPTS))
    expected = [reference(model, prompt, max_new_tokens=20, num_beams=3)[0] for prompt in PROMPTS]
    assert [each.text for each in generated] == expected


@pytest.mark.parametrize("params", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
async def test_a_completion_does_not_depend_on_its_batch(
    engine: TransformersEngine, params: SamplingParams
) -> None:
    requests = [
        make_request(prompt, params, seeds=(2 * number, 2 * number + 1))
        for number, prompt in enumerate(PROMPTS)
    ]
    together = await engine.generate(requests)
    assert [(await engine.generate([each]))[0] for each in requests] == together
    pairs = [await engine.generate([requests[0], each]) for each in requests[1:]]
    assert [pair[1] for pair in pairs] == together[1:]
    single = make_request(PROMPTS[0], params, seeds=(1,))
    assert (await completions(engine, single))[0] == together[0].completions[1]


async def test_seeds_make_samples_differ(engine: TransformersEngine) -> None:
    params = SamplingParams(max_tokens=30, temperature=1.5)
    texts = {
        each.text
        for each in await completions(engine, make_request(PROMPTS[1], params, seeds=tuple(range(8))))
    }
    assert len(texts) > 4


async def test_tokens_are_counted_exactly(engine: TransformersEngine, model: str) -> None:
    count = load_token_counter(GenerationConfig(), model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    for prompt, result in zip(PROMPTS, await engine.generate([*map(make_request, PROMPTS)]), strict=True):
        assert result.prompt_tokens == count(prompt) == len(tokenizer(prompt)["input_ids"])


async def test_rows_of_a_batch_may_have_different_limits(engine: TransformersEngine) -> None:
    limits = (3, 30, 1, 12)
    requests = [make_request("def add(", GREEDY.model_copy(update={"max_tokens": limit})) for limit in limits]
    generated = await completions(engine, *requests)
    longest = generated[1].text
    assert [each.tokens for each in generated] == list(limits)
    assert all(longest.startswith(each.text.rstrip("\ufffd")) for each in generated)
    assert {each.finish_reason for each in generated} == {"length"}


async def test_a_stop_string_ends_a_row_and_only_that_row(engine: TransformersEngine, model: str) -> None:
    free = await completions(engine, *map(make_request, PROMPTS))
    stop = free[1].text[4:6]
    params = GREEDY.model_copy(update={"stop": (stop,)})
    stopped = await completions(engine, *(make_request(prompt, params) for prompt in PROMPTS))
    assert stopped[1].finish_reason == "stop"
    assert stopped[1].tokens < free[1].tokens
    for before, after in zip(free, stopped, strict=True):
        assert after.text == before.text.split(stop)[0]


async def test_a_stop_string_in_the_prompt_stops_nothing(engine: TransformersEngine) -> None:
    params = GREEDY.model_copy(update={"stop": ("def add(",)})
    assert await completions(engine, make_request("def add(", params)) == await completions(
        engine, make_request("def add(")
    )


def count_rows(engine: TransformersEngine) -> list[tuple[int, int]]:
    """Return a list that gets (rows, columns) of each forward pass from now on."""
    passes: list[tuple[int, int]] = []

    def count(module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        passes.append(tuple(kwargs["input_ids"].shape))

    engine._model.register_forward_pre_hook(count, with_kwargs=True)
    return passes


async def test_overlapping_calls_share_batches(llama: str) -> None:
    engine = engine_on(llama, batch_size=8)
    passes = count_rows(engine)
    requests = [make_request(PROMPTS[4], SAMPLED, seeds=(number,)) for number in range(20)]
    results = await asyncio.gather(*(engine.generate([request]) for request in requests))
    assert sum(columns > 1 for _, columns in passes) == 3  # prefills: one per batch
    assert [rows for (_, before), (rows, _) in pairwise(passes) if before > 1] == [8, 8, 4]
    assert [result for [result] in results] == await engine.generate(requests)


async def test_samples_share_the_prefill_of_their_prompt(llama: str) -> None:
    engine = engine_on(llama)
    passes = count_rows(engine)
    await engine.generate([make_request(prompt, SAMPLED, seeds=(1, 2, 3)) for prompt in PROMPTS])
    assert [rows for rows, _ in passes[:2]] == [len(PROMPTS), 3 * len(PROMPTS)]


async def test_finished_rows_leave_the_batch(llama: str) -> None:
    engine = engine_on(llama)
    limits = (2, 2, 2, 10, 10, 20)
    passes = count_rows(engine)
    requests = [
        make_request(prompt, GREEDY.model_copy(update={"max_tokens": limit}))
        for prompt, limit in zip("abcdef", limits, strict=True)
    ]
    generated = await completions(engine, *requests)
    assert [each.tokens for each in generated] == list(limits)
    assert [rows for rows, _ in passes] == [6] * 2 + [3] * 8 + [1] * 10


async def test_generation_ends_with_the_stop_string(llama: str) -> None:
    engine = engine_on(llama)
    [free] = await completions(engine, make_request(PROMPTS[1]))
    passes = count_rows(engine)
    [stopped] = await completions(
        engine, make_request(PROMPTS[1], GREEDY.model_copy(update={"stop": (free.text[4:6],)}))
    )
    assert len(passes) == stopped.tokens < free.tokens


async def test_more_samples_than_the_batch_size_take_more_than_one_batch(llama: str) -> None:
    few, many = engine_on(llama, batch_size=3), engine_on(llama, batch_size=64)
    request = make_request(PROMPTS[1], SAMPLED, seeds=tuple(range(10)))
    assert await few.generate([request]) == await many.generate([request])


async def test_a_request_beyond_the_context_fails_alone(llama: str) -> None:
    engine = engine_on(llama)
    fits, too_long = make_request("def add("), make_request("def add(", SamplingParams(max_tokens=254))
    answers = await asyncio.gather(
        engine.generate([fits]), engine.generate([too_long]), engine.generate([fits]), return_exceptions=True
    )
    assert isinstance(answers[1], UserError)
    assert str(answers[1]) == (
        "a request: 3 prompt tokens and max_tokens 254 do not fit the model's context of 256 tokens"
    )
    assert answers[0] == answers[2] != []
    with pytest.raises(UserError, match="no token"):
        await engine.generate([make_request("")])


async def test_the_whole_context_can_be_used(llama: str) -> None:
    [completion] = await completions(
        engine_on(llama), make_request("def add(", SamplingParams(max_tokens=253))
    )
    assert completion.tokens == 253 or completion.finish_reason == "stop"


async def test_a_model_without_pad_token_generates_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = engine_on(tiny_llama(tmp_path_factory.mktemp("unpadded"), pad_token=None))
    requests = [*map(make_request, PROMPTS)]
    assert await engine.generate(requests) == [(await engine.generate([each]))[0] for each in requests]


async def test_sampling_defaults_of_the_checkpoint_are_ignored(
    llama: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("opinionated")
    model_with_defaults = AutoModelForCausalLM.from_pretrained(llama)
    model_with_defaults.generation_config.update(
        repetition_penalty=5.0, do_sample=True, temperature=3.0, min_new_tokens=25
    )
    model_with_defaults.save_pretrained(path)
    AutoTokenizer.from_pretrained(llama).save_pretrained(path)
    with_defaults, plain = engine_on(str(path)), engine_on(llama)
    for params in (GREEDY, SamplingParams(max_tokens=20, num_beams=2)):
        requests = [make_request(prompt, params) for prompt in PROMPTS]
        assert await with_defaults.generate(requests) == await plain.generate(requests)


async def test_other_dtypes_generate_too(llama: str) -> None:
    for dtype in ("auto", "bfloat16"):
        [completion] = await completions(engine_on(llama, dtype=dtype), make_request("def add("))
        assert completion.tokens == 30 or completion.finish_reason == "stop"


def test_auto_is_float32_on_a_cpu_and_the_checkpoints_own_on_a_gpu() -> None:
    assert resolve_dtype("auto", torch.device("cpu")) is torch.float32
    assert resolve_dtype("auto", torch.device("cuda")) == "auto"
    assert resolve_dtype("float64", torch.device("cuda")) is torch.float64
