"""The `openai` engine: its requests, how it reads answers, and its usage."""
# ruff: noqa: E501 (answers are shown as they came)

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest

pytest.importorskip("openai")

from support.canned_server import (
    canned_server,
    chat,
    completions,
    json_answer,
    refusal,
    requested_samples,
)
from support.served import KEY, SOON, config, engine, first_result, request

from rayboot.config import GenerationConfig, OpenAIConfig
from rayboot.engines.openai.engine import OpenAIEngine, RateLimit
from rayboot.engines.openai.messages import apportion
from rayboot.errors import UserError
from rayboot.pools.replica import GenerationReplica, Weights

pytestmark = pytest.mark.usefixtures("teachers_key")


async def test_a_request_states_all_sampling_options() -> None:
    async with canned_server(requested_samples) as server:
        await first_result(server, request(5, 6, 7, top_p=0.9, stop=("\n#",)))
    assert server.paths == ["/v1/completions"]
    assert server.bodies == [
        {
            "model": "served",
            "prompt": "def f(",
            "temperature": 0.8,
            "top_p": 0.9,
            "max_tokens": 20,
            "stop": ["\n#"],
            "seed": 5,
            "n": 3,
        }
    ]


async def test_a_chat_has_the_prompt_as_a_user_message() -> None:
    async with canned_server(chat("an answer")) as server:
        result = await first_result(server, request(temperature=0.0), api="chat")
        await first_result(server, request(temperature=0.0), api="chat", chat_token_limit="max_tokens")
    assert server.paths == ["/v1/chat/completions"] * 2
    messages = [{"role": "user", "content": "def f("}]
    assert server.bodies == [
        {"model": "served", "messages": messages, "temperature": 0.0, "max_completion_tokens": 20},
        {"model": "served", "messages": messages, "temperature": 0.0, "max_tokens": 20},
    ]
    [completion] = result.completions
    assert (completion.text, completion.tokens, result.prompt_tokens) == ("an answer", 5, 12)


@pytest.mark.parametrize("reason", ["content_filter", "sensitive"])
async def test_a_completion_that_a_filter_withholds_is_billed_and_missing(reason: str) -> None:
    async with canned_server(chat(None, reason=reason)) as server:
        openai_engine = engine(server, api="chat")
        [result] = await openai_engine.generate([request()])
    assert result.completions[0].is_missing
    assert openai_engine.usage.completion_tokens == 5


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "abort"), (None, "abort")],
)
async def test_finish_reasons_are_those_of_the_contract(reason: str | None, expected: str) -> None:
    async with canned_server(completions("text", reason=reason)) as server:
        [completion] = (await first_result(server, request())).completions
    assert completion.finish_reason == expected


USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("data", "text", "tokens", "reason"),
    [
        ({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]}, "ab", 1, "abort"),
        ({"choices": [{"message": {"content": ["a", {"type": "image_url"}]}, "finish_reason": "stop"}], "usage": None}, "a", 1, "stop"),
        ({"choices": [{"message": {"role": "assistant"}, "finish_reason": "length"}], "usage": USAGE}, "", 4, "length"),
        ({"choices": [{"message": {"content": None, "tool_calls": [{}]}, "finish_reason": "tool_calls"}], "usage": USAGE}, "", 4, "abort"),
        ({"choices": [{"message": {"content": "a"}, "finish_reason": "stop", "error": None}], "error": None}, "a", 1, "stop"),
        ({"choices": [{"message": {"content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": {"value": "a"}}]}}]}, "a", 1, "abort"),
        ({"choices": [{"index": "first", "text": "a", "finish_reason": {"type": "stop"}}], "usage": []}, "a", 1, "abort"),
        ({"choices": [{"text": "a", "finish_reason": "stop"}], "usage": {"prompt_tokens": -1, "completion_tokens": 2.5}}, "a", 2, "stop"),
        ({"choices": [{"index": None, "text": None, "message": {"content": "x" * 9}, "finish_reason": "length"}], "usage": {}}, "x" * 9, 3, "length"),
        ({"choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}], "usage": USAGE}, "", 4, "length"),
        ({"choices": [{"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}], "usage": USAGE}, "", 4, "stop"),
        ({"choices": [{"message": {"content": "half \ud800 and \0"}, "finish_reason": "stop"}], "usage": USAGE}, "half \ufffd and \ufffd", 4, "stop"),
    ],
)  # fmt: skip
async def test_variants_of_answers_are_accepted(data: object, text: str, tokens: int, reason: str) -> None:
    async with canned_server(json_answer(data)) as server:
        [completion] = (await first_result(server, request(), api="chat")).completions
    assert (completion.text, completion.tokens, completion.finish_reason) == (text, tokens, reason)


async def test_missing_samples_are_requested_again() -> None:
    def two_at_most(body: dict[str, Any]) -> Any:
        return requested_samples({**body, "n": min(2, body.get("n", 1))})

    async with canned_server(two_at_most) as server:
        result = await first_result(server, request(10, 20, 30, 40, 50))
    assert [completion.text for completion in result.completions] == ["10+0", "10+1", "30+0", "30+1", "50+0"]
    assert [(body["seed"], body.get("n")) for body in server.bodies] == [(10, 5), (30, 3), (50, None)]


async def test_an_invalid_choice_does_not_invalidate_the_others() -> None:
    fault = json_answer({"choices": [{"text": "good", "finish_reason": "stop"}, None]})
    async with canned_server(completions("the rest"), fault) as server:
        result = await first_result(server, request(10, 20))
    assert [completion.text for completion in result.completions] == ["good", "the rest"]
    assert [body["seed"] for body in server.bodies] == [10, 20]


async def test_superfluous_samples_are_billed() -> None:
    async with canned_server(completions("one", "two", tokens=8)) as server:
        openai_engine = engine(server)
        [result] = await openai_engine.generate([request(1)])
    assert [completion.text for completion in result.completions] == ["one"]
    assert openai_engine.usage.completion_tokens == 8


async def test_greedy_samples_are_requested_one_by_one() -> None:
    async with canned_server(requested_samples) as server:
        result = await first_result(server, request(1, 2, temperature=0.0))
    assert len(result.completions) == len(server.bodies) == 2
    assert not any("n" in body or "seed" in body for body in server.bodies)


async def test_large_seeds_are_reduced_to_the_range_of_servers() -> None:
    async with canned_server(requested_samples) as server:
        await first_result(server, request(2**62 + 5))
    assert server.bodies[0]["seed"] == 5


async def test_results_are_in_the_order_of_the_requests() -> None:
    async with canned_server(lambda body: completions(body["prompt"])(body)) as server:
        prompts = [f"prompt {number}" for number in range(20)]
        results = await engine(server).generate([request(prompt=prompt) for prompt in prompts])
    assert [result.completions[0].text for result in results] == prompts


async def test_beam_search_is_refused() -> None:
    async with canned_server(requested_samples) as server:
        with pytest.raises(UserError, match="no beam search"):
            await first_result(server, request(num_beams=4, temperature=0.0))
    assert not server.bodies


@pytest.mark.parametrize("total", [0, 1, 10, 997])
def test_apportioned_tokens_sum_to_the_total(total: int) -> None:
    texts = ["", "short", "naïve ✓", "a much longer text " * 9]
    shares = apportion(total, texts)
    assert sum(shares) == total
    assert min(shares) >= 0
    assert shares[3] == max(shares)


async def test_requests_in_flight_are_limited() -> None:
    async with canned_server(requested_samples, seconds=0.05) as server:
        openai_engine = engine(server, max_concurrency=3)
        await asyncio.gather(*(openai_engine.generate([request()]) for _ in range(12)))
    assert server.max_in_flight == 3


async def test_requests_keep_to_the_rate_limit_and_retries_count() -> None:
    async with canned_server(requested_samples, refusal(429, **SOON)) as server:
        openai_engine = engine(server, requests_per_minute=600)
        began = time.monotonic()
        await asyncio.gather(*(openai_engine.generate([request()]) for _ in range(6)))
    assert len(server.times) == 7
    # No request comes before its start time; on a busy machine it may come later.
    assert all(arrival - began > 0.095 * index for index, arrival in enumerate(sorted(server.times)))


async def test_the_rate_limit_is_fair() -> None:
    limit, order = RateLimit(1200), []

    async def come(number: int) -> None:
        await limit.wait()
        order.append(number)

    await asyncio.gather(*(come(number) for number in range(8)))
    assert order == list(range(8))


async def test_usage_adds_up() -> None:
    async with canned_server(requested_samples, refusal(500, **SOON)) as server:
        openai_engine = engine(server, input_price=3.0, output_price=15.0)
        results = await openai_engine.generate([request(1, 2, 3), request(4)])
    usage = openai_engine.usage
    assert (usage.requests, usage.retries) == (2, 1)
    assert usage.prompt_tokens == sum(result.prompt_tokens for result in results) == 14
    sample_tokens = sum(completion.tokens for result in results for completion in result.completions)
    assert usage.completion_tokens == sample_tokens == 8
    assert usage.cost == pytest.approx((14 * 3 + 8 * 15) / 1e6)


async def test_a_replica_reports_its_engines_cost() -> None:
    async with canned_server(requested_samples) as server:
        prices = {"input_price": 3.0, "output_price": 15.0}
        replica = GenerationReplica(GenerationConfig(engine="openai", openai=config(server, **prices)), "")
        weights = Weights(checkpoint="", version=0)
        cost = 0.0
        for _ in range(2):
            [result] = await replica.generate([request(1)], weights)
            throughput = await replica.throughput()
            cost += result.prompt_tokens * 3.0 + result.completions[0].tokens * 15.0
            assert throughput.cost == pytest.approx(cost / 1e6)
        assert (await replica.throughput()).cost == throughput.cost


async def test_without_a_key_another_providers_key_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_TEACHERS_KEY")
    async with canned_server(requested_samples) as server:
        await first_result(server, request())
    assert server.keys == ["Bearer none"]


def test_a_key_that_is_invalid_in_a_header_is_refused_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_TEACHERS_KEY", f"{KEY}\n{KEY}")
    with pytest.raises(UserError, match="A_TEACHERS_KEY holds no valid key") as caught:
        OpenAIEngine(OpenAIConfig(base_url="http://x/v1", model="m", api_key_env="A_TEACHERS_KEY"))
    assert KEY not in str(caught.value)


async def test_new_weights_are_refused() -> None:
    async with canned_server(requested_samples) as server:
        openai_engine = engine(server)
        await openai_engine.publish("runs/a/iterations/00/checkpoint", 0)
        with pytest.raises(UserError, match="transformers or vllm"):
            await openai_engine.publish("runs/a/iterations/01/checkpoint", 1)
        assert openai_engine.version == 0


def test_a_missing_package_is_named() -> None:
    script = (
        "import sys; sys.modules['openai'] = None\n"
        "from rayboot.config.generation import GenerationConfig\n"
        "from rayboot.engines import create_engine\n"
        "asked = {'base_url': 'http://x/v1', 'model': 'm'}\n"
        "create_engine(GenerationConfig(engine='openai', openai=asked), '')\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    ).stderr
    assert "UserError: engine openai needs the openai package: pip install 'rayboot[openai]'" in output
