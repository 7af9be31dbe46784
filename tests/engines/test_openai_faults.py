"""The `openai` engine with a provider's faults and refusals, and the secrecy of its key."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("openai")

from aiohttp import web
from support.canned_server import (
    Answer,
    CannedServer,
    canned_server,
    completions,
    hang_up,
    json_answer,
    page,
    refusal,
    requested_samples,
    truncated_answer,
)
from support.served import KEY, SOON, config, engine, first_result, request

from rayboot.engines.openai.engine import MAX_CONSECUTIVE_UNANSWERED
from rayboot.errors import RaybootError, UserError

pytestmark = pytest.mark.usefixtures("teachers_key")


async def failure(answer: Answer, **options: Any) -> tuple[Exception, CannedServer]:
    async with canned_server(answer) as server:
        with pytest.raises(Exception) as caught:
            await first_result(server, request(tag="MBPP/11/0"), **options)
    return caught.value, server


def slow_answer(body: object) -> web.StreamResponse:
    """Send a byte from time to time, and no answer."""
    return _SlowResponse()


class _SlowResponse(web.StreamResponse):
    async def write_eof(self, data: bytes = b"") -> None:
        for _ in range(20):
            await self.write(b" ")
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("fault", [refusal(status, **SOON) for status in (408, 409, 429, 500, 502, 503)])
async def test_transient_faults_are_retried(fault: Answer) -> None:
    async with canned_server(completions("at last"), fault, fault) as server:
        openai_engine = engine(server)
        [result] = await openai_engine.generate([request()])
    assert result.completions[0].text == "at last"
    assert len(server.bodies) == 3
    assert (openai_engine.usage.requests, openai_engine.usage.retries) == (1, 2)


@pytest.mark.parametrize("fault", [hang_up, truncated_answer])
async def test_a_lost_connection_is_retried(fault: Answer) -> None:
    async with canned_server(completions("at last"), fault) as server:
        openai_engine = engine(server)
        [result] = await openai_engine.generate([request()])
    assert result.completions[0].text == "at last"
    assert (openai_engine.usage.requests, openai_engine.usage.retries) == (1, 1)


async def test_a_retry_waits_as_long_as_the_server_requests() -> None:
    async with canned_server(completions("at last"), refusal(429, Retry_After="1.2")) as server:
        await first_result(server, request())
    assert server.times[1] - server.times[0] >= 1.2  # the client's own first pause is half a second


async def test_pauses_grow_by_default() -> None:
    async with canned_server(completions("at last"), refusal(500), refusal(500)) as server:
        await first_result(server, request())
    first, second = (after - before for before, after in pairwise(server.times))
    assert 0.3 < first < 0.6 < second < 1.2


async def test_exhausted_retries_quote_the_server() -> None:
    error, server = await failure(refusal(503, "the model is loading", **SOON))
    assert len(server.bodies) == 3
    assert type(error) is RaybootError
    assert str(error) == (
        f"{server.url} answered request 'MBPP/11/0' with 503, tried 3 times: the model is loading"
    )


async def test_a_page_of_a_proxy_is_quoted_in_part() -> None:
    error, _ = await failure(page("<h1>Bad\n gateway</h1>" * 100, status=502), max_retries=0)
    assert "502, tried once: <h1>Bad gateway</h1>" in str(error)
    assert len(str(error)) < 500


async def test_lone_surrogates_in_messages_are_replaced() -> None:
    error, _ = await failure(refusal(400, "bad \ud83d thing"))
    assert str(error).endswith("(400): bad \ufffd thing")


async def test_an_unreachable_server_is_named() -> None:
    async with canned_server(requested_samples) as server:
        pass
    with pytest.raises(RaybootError, match=rf"no connection with {server.url}, tried 2 times.*is the server"):
        await first_result(server, request(), max_retries=1)


@pytest.mark.parametrize(("answer", "seconds"), [(requested_samples, 0.6), (slow_answer, 0.0)])
async def test_a_server_that_does_not_answer_times_out(answer: Answer, seconds: float) -> None:
    async with canned_server(answer, seconds=seconds) as server:
        with pytest.raises(RaybootError, match=r"did not answer within 0\.2 s .*tried 2 times"):
            await first_result(server, request(), timeout=0.2, max_retries=1)
    assert len(server.bodies) == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_names_its_variable(status: int) -> None:
    error, server = await failure(refusal(status, f"Incorrect API key provided: {KEY}."))
    assert type(error) is UserError
    assert "A_TEACHERS_KEY" in str(error)
    assert "ray start" in str(error)
    assert len(server.bodies) == 1


async def test_an_unknown_model_is_the_users_error() -> None:
    error, server = await failure(refusal(404, "The model `served` does not exist."))
    assert type(error) is UserError
    assert "The model `served` does not exist." in str(error)
    assert "generation.openai.model" in str(error)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("message", "api", "hint"),
    [
        ("max_completion_tokens: unknown parameter", "chat", "its name with generation.openai.chat_token_limit"),
        ("'max_tokens' is not supported: use 'max_completion_tokens'", "chat", "generation.openai.chat_token_limit"),
        ("max_tokens is too large: 9000", "completions", ". Set its value with policy.max_completion_tokens"),
        ("'temperature' does not support 0.8 with this model", "chat", "Set evaluation.temperature"),
        ("'n' must be at most 1", "chat", "(400): 'n' must be at most 1"),
    ],
)  # fmt: skip
async def test_a_refused_option_is_the_users_error(message: str, api: str, hint: str) -> None:
    error, _ = await failure(refusal(400, message), api=api)
    assert type(error) is UserError
    assert message in str(error)
    assert hint in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("target", ["https://other/api/v1/completions", "/api/v1/completions"])
async def test_a_redirection_is_named_and_not_followed(status: int, target: str) -> None:
    error, server = await failure(refusal(status, Location=target))
    assert type(error) is UserError
    base = server.url.removesuffix("/v1") if target.startswith("/") else ""
    named = base + target.removesuffix("/completions")
    assert f"is redirected to {named}: set generation.openai.base_url to that" in str(error)
    assert len(server.bodies) == 1


async def test_a_prompt_too_long_is_the_users_error() -> None:
    error, _ = await failure(refusal(400, "This model's maximum context length is 512 tokens."))
    assert type(error) is UserError
    assert "'MBPP/11/0'" in str(error)


def latin_1(body: object) -> web.Response:
    return web.Response(body=b'{"choices": [{"text": "\xe9"}]}', content_type="application/json")


@pytest.mark.parametrize(
    "answer",
    [
        page("<h1>Welcome</h1>"),
        page("{]", kind="application/json"),
        page("[" * 100_000, kind="application/json"),
        page("9" * 5000, kind="application/json"),
        latin_1,
        completions(),
        refusal(200, "upstream is out of credits"),
    ],
)
async def test_an_answer_without_completions_is_quoted(answer: Answer) -> None:
    error, _ = await failure(answer, max_retries=0)
    assert type(error) is RaybootError
    assert "Answer: " in str(error)


TEXT = {"message": {"content": "def f("}}


@pytest.mark.parametrize(
    "data",
    [
        {"choices": []},
        {"choices": [TEXT], "error": {"code": 502}},
        {"choices": [{**TEXT, "finish_reason": "error", "error": {"code": 502}}]},
        {"choices": [{**TEXT, "finish_reason": "error"}]},
        {"choices": [{**TEXT, "finish_reason": "network_error"}]},
        {"choices": [{"message": {"content": ""}, "finish_reason": "stop", "error": {"code": 429}}]},
        {"choices": [{"message": {"content": ""}, "finish_reason": None}]},
        {"choices": [{"message": None, "finish_reason": None}]},
        {"choices": [{"message": None, "finish_reason": "stop"}]},
        {"choices": [{"finish_reason": "stop"}]},
        {"choices": [{"message": {"content": {"parts": [{"text": "a"}]}}, "finish_reason": "stop"}]},
    ],
)
async def test_a_providers_failure_is_not_a_completion_and_is_retried(data: dict[str, Any]) -> None:
    fault = json_answer({**data, "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
    async with canned_server(completions("at last"), fault) as server:
        [result] = await engine(server, max_retries=1).generate([request()])
    assert result.completions[0].text == "at last"


@pytest.mark.parametrize("first", [completions("a"), completions("", tokens=0)])
@pytest.mark.parametrize(
    "fault", [json_answer({"error": {"message": "no"}}), refusal(500), refusal(503), slow_answer]
)
async def test_a_server_that_has_answered_before_loses_only_one_request(first: Answer, fault: Answer) -> None:
    async with canned_server(fault, first) as server:
        openai_engine = engine(server, max_retries=0, timeout=1.0)
        [answer] = await openai_engine.generate([request()])
        [none] = await openai_engine.generate([request(1, 2)])
    assert not answer.completions[0].is_missing
    assert [each.is_missing for each in none.completions] == [True, True]


async def test_a_missing_sample_does_not_cost_the_prompts_tokens() -> None:
    async with canned_server(refusal(500), completions("first")) as server:
        result = await first_result(server, request(1, 2), max_retries=0)
    assert [each.is_missing for each in result.completions] == [False, True]
    assert result.prompt_tokens == 7


async def test_a_server_that_has_gone_down_ends_the_evaluation() -> None:
    async with canned_server(refusal(503, "down"), completions("first")) as server:
        openai_engine = engine(server, max_retries=0)
        await openai_engine.generate([request()])
        for _ in range(MAX_CONSECUTIVE_UNANSWERED):
            await openai_engine.generate([request()])
        with pytest.raises(RaybootError, match="503, tried once: down"):
            await openai_engine.generate([request()])


async def test_too_many_requests_end_the_evaluation_even_of_a_server_that_has_answered() -> None:
    async with canned_server(refusal(429, "out of credits"), completions("first")) as server:
        openai_engine = engine(server, max_retries=0)
        await openai_engine.generate([request()])
        with pytest.raises(RaybootError, match="429, tried once: out of credits"):
            await openai_engine.generate([request()])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("The prompt triggered our content management policy.", None),
        ("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", None),
        ("Invalid prompt.", "invalid_prompt"),
        ("Content Exists Risk", "invalid_request_error"),
        ("Input data may contain inappropriate content.", None),
        ("no", "data_inspection_failed"),
    ],
)
async def test_a_filtered_prompt_loses_only_its_request(message: str, code: str | None) -> None:
    fault = refusal(400, message, code)
    async with canned_server(completions("second"), fault) as server:
        first, second = await engine(server, max_concurrency=1).generate([request(), request()])
    assert [each.completions[0].is_missing for each in (first, second)] == [True, False]


async def test_json_with_another_content_type_is_accepted() -> None:
    async with canned_server(page('{"choices": [{"text": "a"}]}', kind="text/plain")) as server:
        [completion] = (await first_result(server, request())).completions
    assert completion.text == "a"


async def test_the_proxy_of_an_unreachable_server_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with canned_server(requested_samples) as server:
        pass
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    with pytest.raises(RaybootError, match=r"variable http_proxy: NO_PROXY=127\.0\.0\.1 bypasses it"):
        await first_result(server, request(), max_retries=0)


async def test_a_failed_request_cancels_the_others_of_its_call() -> None:
    async with canned_server(requested_samples, refusal(400), seconds=0.1) as server:
        with pytest.raises(UserError):
            await engine(server, max_concurrency=1).generate([request() for _ in range(20)])
        await asyncio.sleep(0.3)
        assert len(server.bodies) <= 2


async def test_the_key_goes_to_the_server_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with canned_server(refusal(401, f"the key {KEY} is not valid")) as server:
        openai_engine = engine(server)
        with pytest.raises(UserError) as caught:
            await openai_engine.generate([request()])
    assert server.keys == [f"Bearer {KEY}"]
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert KEY not in caplog.text
    assert KEY not in repr(openai_engine)
    assert KEY not in config(server).model_dump_json()
