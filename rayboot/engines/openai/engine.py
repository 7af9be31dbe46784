"""The `openai` engine: completions from any server or provider with the OpenAI API.

It asks a model that runs elsewhere. It cannot load weights, so a run cannot train with it.

- A prompt is one API request for all its samples, with the first sample's seed: the server derives the others (vLLM
  counts up from the first). If a server returns fewer samples, the missing ones are requested with the next sample's
  seed.
- The API counts the tokens of all samples together. Their sum is exact. A sample's count is in proportion to the length
  of its text, which is exact for a single sample.
- The key is read from the environment of the engine's process, and sent only to the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rayboot.config import OpenAIConfig
from rayboot.engines.base import Completion, GenerationRequest, GenerationResult, Usage, UsageMeter
from rayboot.engines.openai.messages import PATHS, Answer, Choice, TokenUsage, request_body
from rayboot.errors import RaybootError, UserError


class RateLimit:
    """Admits callers one by one, first come, first served, and evenly spaced.

    A burst would be refused: providers apply a limit per minute to windows of seconds too.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._next_start = 0.0

    async def wait(self) -> None:
        """Sleep until the caller may start. A start time is reserved at once, so callers are admitted in order."""
        now = time.monotonic()
        start = max(now, self._next_start)
        self._next_start = start + self._interval
        await asyncio.sleep(start - now)


try:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError, Timeout

    from rayboot.engines.openai.errors import (
        RETRY_COUNT,
        ReadTimeout,
        excerpt,
        explain,
        is_filtered,
        is_unanswered,
    )
except ImportError as error:
    raise UserError("engine openai needs the openai package: pip install 'rayboot[openai]'") from error

CONNECT_SECONDS = 10.0
MAX_CONSECUTIVE_UNANSWERED = 32
"""Number of consecutive requests without an answer after which the server is considered down."""
NO_KEY = "none"
"""Sent if there is no key: servers that need one refuse it, others ignore it."""


class _HttpClient(DefaultAsyncHttpxClient):
    """An HTTP client with a callback before each try: the API's client repeats requests above it.

    Redirections are not followed: they may turn a POST into a GET, which fails with a misleading error.
    """

    def __init__(self, before_send: Callable[[Any], Awaitable[None]], seconds: float, **options: Any) -> None:
        super().__init__(follow_redirects=False, **options)
        self._before_send = before_send
        self._seconds = seconds

    async def send(self, request: Any, **options: Any) -> Any:
        """Send the request once, within `seconds`: the client's own timeout is that between two bytes."""
        await self._before_send(request)
        try:
            async with asyncio.timeout(self._seconds):
                return await super().send(request, **options)
        except TimeoutError:
            raise ReadTimeout("no complete answer", request=request) from None


class OpenAIEngine:
    """A `Generator` that calls a server, with at most `max_concurrency` requests in flight."""

    def __init__(self, config: OpenAIConfig) -> None:
        self._config = config
        self._key = read_key(config.api_key_env)
        self._unanswered_left = 0
        """Number of further requests that may stay unanswered: none before the first answer."""
        self._meter = UsageMeter(config.input_price, config.output_price)
        self._rate = RateLimit(config.requests_per_minute)
        self._slots = asyncio.Semaphore(config.max_concurrency)
        timeout = Timeout(config.timeout, connect=min(CONNECT_SECONDS, config.timeout))
        self._client = AsyncOpenAI(
            api_key=self._key or NO_KEY,
            base_url=config.base_url,
            max_retries=config.max_retries,
            timeout=timeout,
            http_client=_HttpClient(self._before_sending, config.timeout, timeout=timeout),
        )

    @property
    def version(self) -> int:
        """Always 0: the server has its own weights."""
        return 0

    @property
    def usage(self) -> Usage:
        """Requests, tokens and cost so far."""
        return self._meter.usage

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order. If one fails, the others of the call are cancelled.

        Raises:
            ValueError: A prompt and its completion do not fit the model's context.
            UserError: The server refuses the key, the model or an option, or beam search is requested.
            RaybootError: The server cannot be reached, fails after all retries, or returns an invalid answer.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(request)) for request in requests]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def publish(self, checkpoint: str, version: int) -> None:
        """Reject new weights.

        Raises:
            UserError: The version is not 0.
        """
        if version != 0:
            raise UserError(
                f"engine openai cannot load the weights of {checkpoint} into {self._config.base_url}: a run that "
                "trains needs generation.engine transformers or vllm"
            )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _answer(self, request: GenerationRequest) -> GenerationResult:
        if request.params.num_beams > 1:
            raise UserError("engine openai has no beam search: set num_beams to 1")
        samples: list[Completion] = []
        prompt_tokens = 0
        while missing := request.seeds[len(samples) :]:
            answer = await self._ask(request, missing)
            samples += answer.completions()[: len(missing)]
            prompt_tokens = answer.prompt_tokens
        return GenerationResult(completions=tuple(samples), prompt_tokens=prompt_tokens, version=self.version)

    async def _ask(self, request: GenerationRequest, seeds: Sequence[int]) -> Answer:
        """Send one API request. The client retries it, and so does this method after an invalid answer.

        If the server has answered before, a request without an answer gets aborted completions of 0 tokens. If it has
        never answered, or has left `MAX_CONSECUTIVE_UNANSWERED` requests unanswered in a row, the request fails.
        """
        body = request_body(self._config, request, seeds)
        for tries_left in reversed(range(self._config.max_retries + 1)):
            async with self._slots:
                data: object = None
                try:
                    data = await self._client.post(PATHS[self._config.api], body=body, cast_to=object)
                    answer = Answer.model_validate(json.loads(data) if isinstance(data, str) else data)
                    break
                except OpenAIError as error:
                    if is_filtered(error) or (is_unanswered(error) and self._tolerate_unanswered()):
                        return _aborted_answer(seeds)
                    raise explain(error, self._config, self._key, request.tag) from None
                except (ValueError, RecursionError) as error:  # not JSON, or without a completion
                    received = error.doc if isinstance(error, json.JSONDecodeError) else data or error
            if not tries_left:
                if self._tolerate_unanswered():
                    return _aborted_answer(seeds)
                raise self._invalid_answer(
                    received if isinstance(received, str) else json.dumps(received, default=str)
                )
            await asyncio.sleep(min(0.5 * 2 ** (self._config.max_retries - tries_left), 8.0))
        self._unanswered_left = MAX_CONSECUTIVE_UNANSWERED
        self._meter.count_tokens(answer.prompt_tokens, answer.completion_tokens)
        return answer

    def _tolerate_unanswered(self) -> bool:
        """Count an unanswered request, and return whether it is tolerated."""
        self._unanswered_left -= 1
        return self._unanswered_left >= 0

    def _invalid_answer(self, received: str) -> RaybootError:
        return RaybootError(
            f"{self._config.base_url} did not return a completion of the OpenAI API: either the provider failed, or "
            f"generation.openai.base_url is wrong. Answer: {excerpt(received, self._key)}"
        )

    async def _before_sending(self, request: Any) -> None:
        await self._rate.wait()
        self._meter.count_request(retry=request.headers.get(RETRY_COUNT, "0") != "0")


def _aborted_answer(seeds: Sequence[int]) -> Answer:
    return Answer(choices=[Choice(text="", finish_reason="abort") for _ in seeds], usage=TokenUsage())


def read_key(variable: str) -> str | None:
    """Return the key in an environment variable; None if it is empty or not set.

    Raises:
        UserError: The value cannot be sent in an HTTP header. The client's own error would quote it.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UserError(
            f"environment variable {variable} holds no valid key: it has control or non-ASCII characters"
        )
    return key or None
