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
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError, Timeout

from rayboot.config import OpenAIConfig
from rayboot.engines.base import Completion, GenerationRequest, GenerationResult, Usage
from rayboot.engines.openai.errors import (
    RETRY_COUNT,
    ReadTimeout,
    excerpt,
    explain,
    is_filtered,
    is_unanswered,
)
from rayboot.engines.openai.messages import PATHS, Answer, request_body
from rayboot.errors import RaybootError, UserError

if TYPE_CHECKING:
    from httpx2 import Request, Response

CONNECT_SECONDS = 10.0
MAX_CONSECUTIVE_UNANSWERED = 32
"""Number of consecutive requests without an answer after which the server is considered down."""
NO_KEY = "none"
"""Sent if there is no key: servers that need one refuse it, others ignore it."""
NO_COMPLETION = Completion(text="", tokens=0, finish_reason="abort")


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


class _HttpClient(DefaultAsyncHttpxClient):
    """An HTTP client that limits and counts each try: the API's client repeats requests above it.

    Redirections are not followed: they may turn a POST into a GET, which fails with a misleading error.
    """

    def __init__(self, rate: RateLimit, counts: Counter[str], timeout: Timeout) -> None:
        super().__init__(follow_redirects=False, timeout=timeout)
        self._rate, self._counts = rate, counts

    async def send(self, request: Request, **options: Any) -> Response:
        """Send the request once, within the timeout in total: the client's own is that between two bytes."""
        await self._rate.wait()
        self._counts["requests" if request.headers.get(RETRY_COUNT, "0") == "0" else "retries"] += 1
        try:
            async with asyncio.timeout(self.timeout.read):
                return await super().send(request, **options)
        except TimeoutError:
            raise ReadTimeout("no complete answer", request=request) from None


class OpenAIEngine:
    """A `Generator` that calls a server, with at most `max_concurrency` requests in flight."""

    version = 0
    """Always 0: the server has its own weights."""

    def __init__(self, config: OpenAIConfig) -> None:
        self._config = config
        self._key = read_key(config.api_key_env)
        self._unanswered_left = 0
        """Number of further requests that may stay unanswered: none before the first answer."""
        self._counts: Counter[str] = Counter()
        self._slots = asyncio.Semaphore(config.max_concurrency)
        timeout = Timeout(config.timeout, connect=min(CONNECT_SECONDS, config.timeout))
        self._client = AsyncOpenAI(
            api_key=self._key or NO_KEY,
            base_url=config.base_url,
            max_retries=config.max_retries,
            timeout=timeout,
            http_client=_HttpClient(RateLimit(config.requests_per_minute), self._counts, timeout),
        )

    @property
    def usage(self) -> Usage:
        """Requests, tokens and cost so far."""
        input_cost = self._counts["prompt_tokens"] * self._config.input_price
        output_cost = self._counts["completion_tokens"] * self._config.output_price
        return Usage(**self._counts, cost=(input_cost + output_cost) / 1e6)

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order. If one fails, the others of the call are cancelled.

        Raise UserError if the server refuses the key, the model, an option or a prompt, or beam search is
        requested; RaybootError if the server cannot be reached, or fails after all retries.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(request)) for request in requests]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def publish(self, checkpoint: str, version: int) -> None:
        """Raise UserError unless the version is 0."""
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
            if answer is None:
                samples += [NO_COMPLETION] * len(missing)
            else:
                samples += answer.completions()[: len(missing)]
                prompt_tokens = answer.prompt_tokens
        return GenerationResult(completions=tuple(samples), prompt_tokens=prompt_tokens, version=self.version)

    async def _ask(self, request: GenerationRequest, seeds: Sequence[int]) -> Answer | None:
        """Send one API request. The client retries it, and so does this method after an invalid answer.

        Return None if a filter refuses the prompt, or if a server that has answered before leaves this request
        unanswered. Raise the error if it has never answered, or not the last `MAX_CONSECUTIVE_UNANSWERED`.
        """
        body = request_body(self._config, request, seeds)
        for retry in range(self._config.max_retries + 1):
            if retry:
                await asyncio.sleep(min(0.25 * 2**retry, 8.0))
            data: object = None
            try:
                async with self._slots:
                    data = await self._client.post(PATHS[self._config.api], body=body, cast_to=object)
                answer = Answer.model_validate(json.loads(data) if isinstance(data, str) else data)
            except OpenAIError as error:
                if is_filtered(error):
                    return None
                failure = explain(error, self._config, self._key, request.tag)
                may_answer_others = is_unanswered(error)
                break
            except (ValueError, RecursionError) as error:  # not JSON, or without a completion
                received = error.doc if isinstance(error, json.JSONDecodeError) else data or error
                failure, may_answer_others = self._invalid_answer(received), True
            else:
                self._unanswered_left = MAX_CONSECUTIVE_UNANSWERED
                self._counts["prompt_tokens"] += answer.prompt_tokens
                self._counts["completion_tokens"] += answer.completion_tokens
                return answer
        if may_answer_others:
            self._unanswered_left -= 1
            if self._unanswered_left >= 0:
                return None
        raise failure from None

    def _invalid_answer(self, received: object) -> RaybootError:
        text = received if isinstance(received, str) else json.dumps(received, default=str)
        return RaybootError(
            f"{self._config.base_url} did not return a completion of the OpenAI API: either the provider failed, or "
            f"generation.openai.base_url is wrong. Answer: {excerpt(text, self._key)}"
        )


def read_key(variable: str) -> str | None:
    """Return the key in an environment variable; None if it is empty or not set.

    Raise UserError if it cannot be sent in an HTTP header: the client's own error would quote it.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UserError(
            f"environment variable {variable} holds no valid key: it has control or non-ASCII characters"
        )
    return key or None
