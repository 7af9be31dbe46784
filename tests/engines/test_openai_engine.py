"""The OpenAI API's client: what it sends, what it makes of answers, and what it counts."""
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
    as_many_as_asked,
    canned_server,
    chat,
    completions,
    refusal,
    said,
)
from support.served import KEY, SOON, answered, config, engine, request

from rayboot.config import GenerationConfig, OpenAIConfig
from rayboot.engines.openai.engine import OpenAIEngine, RateLimit
from rayboot.engines.openai.messages import share_out
from rayboot.errors import UserError
from rayboot.pools.replica import GenerationReplica, Weights

pytestmark = pytest.mark.usefixtures("teachers_key")


async def test_a_request_says_all_that_decides_its_samples() -> None:
    async with canned_server(as_many_as_asked) as server:
        await answered(server, request(5, 6, 7, top_p=0.9, stop=("\n#",)))
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


async def test_a_chat_gets_the_prompt_as_a_users_message() -> None:
    async with canned_server(chat("an answer")) as server:
        result = await answered(server, request(temperature=0.0), api="chat")
        await answered(server, request(temperature=0.0), api="chat", chat_token_limit="max_tokens")
    assert server.paths == ["/v1/chat/completions"] * 2
    messages = [{"role": "user", "content": "def f("}]
    assert server.bodies == [
        {"model": "served", "messages": messages, "temperature": 0.0, "max_completion_tokens": 20},
        {"model": "served", "messages": messages, "temperature": 0.0, "max_tokens": 20},
    ]
    [completion] = result.completions
    assert (completion.text, completion.tokens, result.prompt_tokens) == ("an answer", 5, 12)


@pytest.mark.parametrize("reason", ["content_filter", "sensitive"])
async def test_a_filter_that_keeps_the_text_back_is_paid_and_no_verdict(reason: str) -> None:
    async with canned_server(chat(None, reason=reason)) as server:
        asking = engine(server, api="chat")
        [result] = await asking.generate([request()])
    assert result.completions[0].is_missing
    assert asking.usage.completion_tokens == 5


@pytest.mark.parametrize(
    ("said", "meant"), [("stop", "stop"), ("length", "length"), ("content_filter", "abort"), (None, "abort")]
)
async def test_finish_reasons_are_those_of_the_contract(said: str | None, meant: str) -> None:
    async with canned_server(completions("text", reason=said)) as server:
        [completion] = (await answered(server, request())).completions
    assert completion.finish_reason == meant


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
async def test_answers_are_taken_as_servers_write_them(
    data: object, text: str, tokens: int, reason: str
) -> None:
    async with canned_server(said(data)) as server:
        [completion] = (await answered(server, request(), api="chat")).completions
    assert (completion.text, completion.tokens, completion.finish_reason) == (text, tokens, reason)


async def test_a_server_that_gives_fewer_samples_is_asked_for_the_rest() -> None:
    def two_at_most(body: dict[str, Any]) -> Any:
        return as_many_as_asked({**body, "n": min(2, body.get("n", 1))})

    async with canned_server(two_at_most) as server:
        result = await answered(server, request(10, 20, 30, 40, 50))
    assert [completion.text for completion in result.completions] == ["10+0", "10+1", "30+0", "30+1", "50+0"]
    assert [(body["seed"], body.get("n")) for body in server.bodies] == [(10, 5), (30, 3), (50, None)]


async def test_choices_of_one_answer_are_judged_one_by_one() -> None:
    fault = said({"choices": [{"text": "good", "finish_reason": "stop"}, None]})
    async with canned_server(completions("the rest"), fault) as server:
        result = await answered(server, request(10, 20))
    assert [completion.text for completion in result.completions] == ["good", "the rest"]
    assert [body["seed"] for body in server.bodies] == [10, 20]


async def test_a_server_that_gives_more_samples_than_asked_is_still_paid() -> None:
    async with canned_server(completions("one", "two", tokens=8)) as server:
        asking = engine(server)
        [result] = await asking.generate([request(1)])
    assert [completion.text for completion in result.completions] == ["one"]
    assert asking.usage.completion_tokens == 8


async def test_greedy_samples_are_asked_one_by_one() -> None:
    async with canned_server(as_many_as_asked) as server:
        result = await answered(server, request(1, 2, temperature=0.0))
    assert len(result.completions) == len(server.bodies) == 2
    assert not any("n" in body or "seed" in body for body in server.bodies)


async def test_large_seeds_are_folded_to_what_servers_take() -> None:
    async with canned_server(as_many_as_asked) as server:
        await answered(server, request(2**62 + 5))
    assert server.bodies[0]["seed"] == 5


async def test_results_are_in_the_order_of_the_requests() -> None:
    async with canned_server(lambda body: completions(body["prompt"])(body)) as server:
        prompts = [f"prompt {number}" for number in range(20)]
        results = await engine(server).generate([request(prompt=prompt) for prompt in prompts])
    assert [result.completions[0].text for result in results] == prompts


async def test_beam_search_is_refused() -> None:
    async with canned_server(as_many_as_asked) as server:
        with pytest.raises(UserError, match="no beam search"):
            await answered(server, request(num_beams=4, temperature=0.0))
    assert not server.bodies


@pytest.mark.parametrize("total", [0, 1, 10, 997])
def test_tokens_are_shared_out_to_the_last_one(total: int) -> None:
    texts = ["", "short", "naïve ✓", "a much longer text " * 9]
    shares = share_out(total, texts)
    assert sum(shares) == total
    assert min(shares) >= 0
    assert shares[3] == max(shares)


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    async with canned_server(as_many_as_asked, seconds=0.05) as server:
        asking = engine(server, max_concurrency=3)
        await asyncio.gather(*(asking.generate([request()]) for _ in range(12)))
    assert server.most_at_once == 3


async def test_requests_keep_to_the_rate_limit_and_retries_count() -> None:
    async with canned_server(as_many_as_asked, refusal(429, **SOON)) as server:
        asking = engine(server, requests_per_minute=600)
        began = time.monotonic()
        await asyncio.gather(*(asking.generate([request()]) for _ in range(6)))
    assert len(server.times) == 7
    # None comes before its turn; a busy machine may make them later.
    assert all(came - began > 0.095 * turn for turn, came in enumerate(sorted(server.times)))


async def test_the_rate_limit_is_fair() -> None:
    limit, order = RateLimit(1200), []

    async def come(number: int) -> None:
        await limit.wait()
        order.append(number)

    await asyncio.gather(*(come(number) for number in range(8)))
    assert order == list(range(8))


async def test_accounting_adds_up() -> None:
    async with canned_server(as_many_as_asked, refusal(500, **SOON)) as server:
        asking = engine(server, input_price=3.0, output_price=15.0)
        results = await asking.generate([request(1, 2, 3), request(4)])
    usage = asking.usage
    assert (usage.requests, usage.retries) == (2, 1)
    assert usage.prompt_tokens == sum(result.prompt_tokens for result in results) == 14
    told = sum(completion.tokens for result in results for completion in result.completions)
    assert usage.completion_tokens == told == 8
    assert usage.cost == pytest.approx((14 * 3 + 8 * 15) / 1e6)


async def test_a_replica_tells_what_its_engine_has_cost() -> None:
    async with canned_server(as_many_as_asked) as server:
        prices = {"input_price": 3.0, "output_price": 15.0}
        replica = GenerationReplica(GenerationConfig(engine="openai", openai=config(server, **prices)), "")
        weights = Weights(checkpoint="", version=0)
        paid = 0.0
        for _ in range(2):
            [result] = await replica.generate([request(1)], weights)
            told = await replica.throughput()
            paid += result.prompt_tokens * 3.0 + result.completions[0].tokens * 15.0
            assert told.cost == pytest.approx(paid / 1e6)
        assert (await replica.throughput()).cost == told.cost


async def test_without_a_key_another_providers_key_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_TEACHERS_KEY")
    async with canned_server(as_many_as_asked) as server:
        await answered(server, request())
    assert server.keys == ["Bearer none"]


def test_a_key_that_no_header_can_hold_is_refused_unquoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEACHERS_KEY", f"{KEY}\n{KEY}")
    with pytest.raises(UserError, match="A_TEACHERS_KEY holds no key") as caught:
        OpenAIEngine(OpenAIConfig(base_url="http://x/v1", model="m", api_key_env="A_TEACHERS_KEY"))
    assert KEY not in str(caught.value)


async def test_new_weights_are_refused() -> None:
    async with canned_server(as_many_as_asked) as server:
        asking = engine(server)
        await asking.publish("runs/a/iterations/00/checkpoint", 0)
        with pytest.raises(UserError, match="transformers or vllm"):
            await asking.publish("runs/a/iterations/01/checkpoint", 1)
        assert asking.version == 0


def test_a_missing_package_is_named() -> None:
    script = (
        "import sys; sys.modules['openai'] = None\n"
        "from rayboot.config.generation import GenerationConfig\n"
        "from rayboot.engines import create_engine\n"
        "asked = {'base_url': 'http://x/v1', 'model': 'm'}\n"
        "create_engine(GenerationConfig(engine='openai', openai=asked), '')\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stderr
    assert "UserError: engine openai needs the openai package: pip install 'rayboot[openai]'" in told
