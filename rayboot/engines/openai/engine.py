"""The `openai` engine: completions from any server or provider that speaks the OpenAI API.

For teachers, judges and policies that are served elsewhere. It has no weights of its own and takes none, so a run
cannot train with it.

- A request is one API request for all its samples, with the first one's seed: how the others' differ is the server's
  business (vLLM counts up from the first). Servers that give fewer samples than asked are asked for the rest, with the
  next sample's seed.
- The API counts the tokens of all samples together. Their sum is exact; a sample's share goes by the length of its
  text, which is exact where there is one sample.
- The key is read from the environment where the engine runs, and told to nobody but the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rayboot.config import OpenAIConfig
from rayboot.engines.base import Completion, GenerationRequest, GenerationResult, Meter, Usage
from rayboot.engines.openai.messages import PATHS, Answer, Choice, Tokens, request_body
from rayboot.errors import RaybootError, UserError


class RateLimit:
    """Lets callers through one by one, first come, first served, and evenly spaced.

    Evenly, because providers measure a limit per minute over windows of seconds too: a burst would be refused.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._pause = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is the caller's turn. A turn is taken at once, so nobody overtakes."""
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + self._pause
        await asyncio.sleep(turn - now)


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
UNANSWERED_IN_ROW = 32
"""So many requests without an answer, and no answer between them, are no fault of the prompts."""
NO_KEY = "none"
"""Sent where there is no key: servers that need one refuse it, others do not look."""


class _HttpClient(DefaultAsyncHttpxClient):
    """An HTTP client that tells of each try: the API's client, above it, repeats requests.

    A redirection is not followed: it may turn a POST into a GET, which is refused for no reason that one could see.
    """

    def __init__(self, before: Callable[[Any], Awaitable[None]], seconds: float, **options: Any) -> None:
        super().__init__(follow_redirects=False, **options)
        self._before = before
        self._seconds = seconds

    async def send(self, request: Any, **options: Any) -> Any:
        """One try, as long as `seconds` at most: the client's own timeout is that between two bytes."""
        await self._before(request)
        try:
            async with asyncio.timeout(self._seconds):
                return await super().send(request, **options)
        except TimeoutError:
            raise ReadTimeout("no whole answer", request=request) from None


class OpenAIEngine:
    """A `Generator` that asks a server. Up to `max_concurrency` requests are under way at once."""

    def __init__(self, config: OpenAIConfig) -> None:
        self._config = config
        self._key = read_key(config.api_key_env)
        self._spare = 0
        """Requests that may yet go unanswered: none before the first answer."""
        self._meter = Meter(config.input_price, config.output_price)
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
        """Always 0: the weights are the server's."""
        return 0

    @property
    def usage(self) -> Usage:
        """What was asked, answered and paid so far."""
        return self._meter.usage

    async def generate(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Answer the requests, in order. When one fails, the others of the call are given up.

        Raises:
            ValueError: A prompt and its completion do not fit the model's context.
            UserError: The server refuses the key, the model or an option, or beam search is asked for.
            RaybootError: The server cannot be reached, or fails after all retries, or its answer makes no sense.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(request)) for request in requests]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def publish(self, checkpoint: str, version: int) -> None:
        """Refuse new weights.

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
        """One API request, repeated by the client as often as need be, and here where its answer makes no sense.

        A server that has answered before and does not answer this request costs that request alone, which then has
        aborted completions of no tokens. One that has never answered is a wrong server, and one that has left
        `UNANSWERED_IN_ROW` requests without an answer is down.
        """
        body = request_body(self._config, request, seeds)
        for left in reversed(range(self._config.max_retries + 1)):
            async with self._slots:
                data: object = None
                try:
                    data = await self._client.post(PATHS[self._config.api], body=body, cast_to=object)
                    answer = Answer.model_validate(json.loads(data) if isinstance(data, str) else data)
                    break
                except OpenAIError as error:
                    if is_filtered(error) or (is_unanswered(error) and self._is_borne()):
                        return _no_answer(seeds)
                    raise explain(error, self._config, self._key, request.tag) from None
                except (ValueError, RecursionError) as error:  # no JSON, or none with an answer
                    said = error.doc if isinstance(error, json.JSONDecodeError) else data or error
            if not left:
                if self._is_borne():
                    return _no_answer(seeds)
                raise self._senseless(said if isinstance(said, str) else json.dumps(said, default=str))
            await asyncio.sleep(min(0.5 * 2 ** (self._config.max_retries - left), 8.0))
        self._spare = UNANSWERED_IN_ROW
        self._meter.answered(answer.prompt_tokens, answer.completion_tokens)
        return answer

    def _is_borne(self) -> bool:
        """Whether a request may go unanswered."""
        self._spare -= 1
        return self._spare >= 0

    def _senseless(self, said: str) -> RaybootError:
        return RaybootError(
            f"{self._config.base_url} answered with no completion of the OpenAI API: either the provider fails, or "
            f"generation.openai.base_url is wrong. It said: {excerpt(said, self._key)}"
        )

    async def _before_sending(self, request: Any) -> None:
        await self._rate.wait()
        self._meter.sent(again=request.headers.get(RETRY_COUNT, "0") != "0")


def _no_answer(seeds: Sequence[int]) -> Answer:
    return Answer(choices=[Choice(text="", finish_reason="abort") for _ in seeds], usage=Tokens())


def read_key(variable: str) -> str | None:
    """The key in an environment variable; None where it is not set or empty.

    Raises:
        UserError: What it holds cannot be sent in an HTTP header; the client's error would quote it.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"environment variable {variable} holds no key: it has line breaks or odd characters")
    return key or None
