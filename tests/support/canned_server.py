"""A local HTTP server with the shapes of the OpenAI API and a provider's faults; tests define its answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Body = dict[str, Any]
Answer = Callable[[Body], web.StreamResponse | None]


@dataclass
class CannedServer:
    """Records requests, and answers them with `faults`, one each, then with `answer`."""

    answer: Answer
    faults: list[Answer] = field(default_factory=list)
    seconds: float = 0.0
    """Time before each answer."""
    bodies: list[Body] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    max_in_flight: int = 0
    url: str = ""
    _in_flight: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.paths.append(request.path)
        self.keys.append(request.headers.get("Authorization", ""))
        self.times.append(time.monotonic())
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            await asyncio.sleep(self.seconds)
            response = (self.faults.pop(0) if self.faults else self.answer)(body)
        finally:
            self._in_flight -= 1
        if response is None:
            request.transport.close()
            return web.Response()
        return response


@asynccontextmanager
async def canned_server(answer: Answer, *faults: Answer, seconds: float = 0.0) -> AsyncIterator[CannedServer]:
    """Serve on a free port of this machine for the time of the block."""
    server = CannedServer(answer, list(faults), seconds)
    application = web.Application()
    application.router.add_post("/v1/{rest:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        [address] = runner.addresses
        server.url = f"http://127.0.0.1:{address[1]}/v1"
        yield server
    finally:
        await runner.cleanup()


def completions(*texts: str, prompt_tokens: int = 7, tokens: int = 10, reason: str | None = "stop") -> Answer:
    """Answer every request with these texts; `tokens` is their total."""
    return lambda body: web.json_response(
        {
            "choices": [
                {"index": index, "text": text, "finish_reason": reason} for index, text in enumerate(texts)
            ],
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": tokens},
        }
    )


def requested_samples(body: Body) -> web.Response:
    """Answer with `n` samples, each the text SEED+INDEX, which counts as two tokens."""
    texts = [f"{body.get('seed')}+{index}" for index in range(body.get("n", 1))]
    response = completions(*texts, tokens=2 * len(texts))(body)
    assert isinstance(response, web.Response)
    return response


def chat(text: str | None, reason: str = "stop") -> Answer:
    """Answer with one message of a chat model."""
    return lambda body: web.json_response(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": reason,
                }
            ],
            "usage": {"prompt_tokens": 12, "completion_tokens": 5},
        }
    )


def json_answer(data: object) -> Answer:
    """Answer with any JSON."""
    return lambda body: web.json_response(data)


def refusal(status: int, message: str = "no", code: str | None = None, **headers: str) -> Answer:
    """Answer with an error in the form of providers; `Retry_After="1"` is the header Retry-After."""
    return lambda body: web.json_response(
        {"error": {"message": message, "type": "error", "code": code}},
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def page(text: str, status: int = 200, kind: str = "text/html") -> Answer:
    """Answer with a page, as a proxy or a web site does."""
    return lambda body: web.Response(text=text, status=status, content_type=kind)


def hang_up(body: Body) -> None:
    """Close the connection without an answer."""


def truncated_answer(body: Body) -> web.StreamResponse:
    """Close the connection before all announced bytes are sent."""
    return _TruncatedResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})


class _TruncatedResponse(web.StreamResponse):
    async def write_eof(self, data: bytes = b"") -> None:
        await self.write(b'{"choices": [')
        assert self._req is not None
        assert self._req.transport is not None
        self._req.transport.close()
