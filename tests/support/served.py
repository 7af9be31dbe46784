"""Engines of type `openai` for tests, and requests to them."""

from __future__ import annotations

from typing import Any

from support.canned_server import CannedServer

from rayboot.config import GenerationConfig, OpenAIConfig
from rayboot.engines import GenerationRequest, GenerationResult, SamplingParams, create_engine
from rayboot.engines.openai.engine import OpenAIEngine

KEY = "sk-test-8f2d71c9"
VARIABLE = "A_TEACHERS_KEY"
SOON = {"Retry_After": "0.02"}
"""Header for a short retry delay, in place of the client's own."""


def config(server: CannedServer, **options: Any) -> OpenAIConfig:
    given = {"api": "completions", "api_key_env": VARIABLE, "max_retries": 2, **options}
    return OpenAIConfig(base_url=server.url, model="served", **given)


def engine(server: CannedServer, **options: Any) -> OpenAIEngine:
    made = create_engine(GenerationConfig(engine="openai", openai=config(server, **options)), "")
    assert isinstance(made, OpenAIEngine)
    return made


def request(*seeds: int, prompt: str = "def f(", tag: str = "", **params: Any) -> GenerationRequest:
    sampling = SamplingParams(**{"temperature": 0.8, "max_tokens": 20, **params})
    return GenerationRequest(prompt=prompt, seeds=seeds or (3,), params=sampling, tag=tag)


async def first_result(server: CannedServer, asked: GenerationRequest, **options: Any) -> GenerationResult:
    [result] = await engine(server, **options).generate([asked])
    return result
