"""The `openai` engine against a real server: vLLM's own, with the quickstart's seed model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", exc_type=ImportError)
pytest.importorskip("openai")

from support.vllm_server import VllmServer, vllm_server

from rayboot.config import GenerationConfig, OpenAIConfig
from rayboot.engines import GenerationRequest, GenerationResult, SamplingParams, create_engine
from rayboot.engines.openai.engine import OpenAIEngine
from rayboot.errors import UserError
from rayboot.problems import load_problems
from rayboot.prompts import PromptBuilder
from rayboot.recipes import resolve_model

pytestmark = pytest.mark.slow

SEED_MODEL = resolve_model("quickstart")
VARIABLE = "THE_SERVERS_KEY"
STOP = ("\n# Task", "\n# Feedback", "\n# Solution", "\n# Repair")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    with vllm_server(SEED_MODEL, tmp_path_factory.mktemp("vllm-server")) as started:
        yield started


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, server: VllmServer) -> None:
    monkeypatch.setenv(VARIABLE, server.key)


def engine(server: VllmServer, api: str = "completions", **options: Any) -> OpenAIEngine:
    given = {"model": server.model, "api_key_env": VARIABLE, **options}
    return OpenAIEngine(OpenAIConfig(base_url=server.url, api=api, **given))


def prompts(count: int) -> list[str]:
    builder = PromptBuilder(len, 10_000)
    return [builder.first(problem) or "" for problem in load_problems("quickstart/test")[:count]]


def requests(
    *texts: str, seeds: tuple[int, ...] = (0,), max_tokens: int = 64, **params: Any
) -> list[GenerationRequest]:
    sampling = SamplingParams(max_tokens=max_tokens, **params)
    return [GenerationRequest(prompt=text, seeds=seeds, params=sampling) for text in texts]


def texts(results: list[GenerationResult]) -> list[list[str]]:
    return [[completion.text for completion in result.completions] for result in results]


async def transformers_results(batch: list[GenerationRequest]) -> list[GenerationResult]:
    """Return the results of the transformers engine without token ids, which the API does not return."""
    results = await create_engine(GenerationConfig(dtype="float32"), SEED_MODEL).generate(batch)
    return [
        result.model_copy(
            update={
                "completions": tuple(each.model_copy(update={"token_ids": ()}) for each in result.completions)
            }
        )
        for result in results
    ]


@pytest.mark.parametrize("api", ["completions", "chat"])
async def test_greedy_results_are_those_of_the_transformers_engine(server: VllmServer, api: str) -> None:
    batch = requests(*prompts(24), stop=STOP)
    expected = await transformers_results(batch)
    assert len({result.completions[0].text for result in expected}) > 12
    assert await engine(server, api).generate(batch) == expected


async def test_greedy_text_ends_before_a_stop_string_or_at_the_limit(server: VllmServer) -> None:
    [prompt] = prompts(1)
    for params in ({"stop": ("return", "never")}, {"max_tokens": 5}):
        batch = requests(prompt, **params)
        expected = await transformers_results(batch)
        assert await engine(server).generate(batch) == expected
    assert expected[0].completions[0].finish_reason == "length"


async def test_samples_are_distinct_and_repeat_with_their_seeds(server: VllmServer) -> None:
    batch = requests(*prompts(4), seeds=(5, 6, 7, 8, 9, 10), temperature=2.0)
    first = texts(await engine(server).generate(batch))
    assert all(len(samples) == 6 and len(set(samples)) > 2 for samples in first)
    assert texts(await engine(server).generate(batch)) == first
    other = requests(*prompts(4), seeds=(105, 106, 107, 108, 109, 110), temperature=2.0)
    assert texts(await engine(server).generate(other)) != first


async def test_seeds_of_a_run_are_accepted(server: VllmServer) -> None:
    [result] = await engine(server).generate(requests(*prompts(1), seeds=(2**63 - 1, 1), temperature=0.8))
    assert len(result.completions) == 2


async def test_tokens_are_those_that_the_server_counts(server: VllmServer) -> None:
    names = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total")
    before = [server.counter(name) for name in names]
    openai_engine = engine(server, input_price=1.0, output_price=2.0)
    batch = requests(*prompts(8), seeds=(1, 2, 3), temperature=0.8, stop=STOP)
    results = await openai_engine.generate(batch)
    prompt_count, completion_count = (
        server.counter(name) - then for name, then in zip(names, before, strict=True)
    )
    usage = openai_engine.usage
    assert (usage.requests, usage.retries) == (8, 0)
    assert usage.completion_tokens == completion_count
    assert usage.completion_tokens == sum(each.tokens for result in results for each in result.completions)
    assert usage.prompt_tokens == sum(result.prompt_tokens for result in results)
    assert usage.prompt_tokens * 3 == prompt_count  # the server's own counter counts a prompt once per sample
    assert usage.cost == pytest.approx((usage.prompt_tokens + 2 * usage.completion_tokens) / 1e6)


async def test_mistakes_are_named(server: VllmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    [request] = requests(*prompts(1))
    with pytest.raises(UserError, match="The model `another` does not exist"):
        await engine(server, model="another").generate([request])
    with pytest.raises(UserError, match="does not fit the context of served"):
        await engine(server).generate(requests(request.prompt * 40))
    with pytest.raises(UserError, match="does not fit the context of served"):
        await engine(server).generate(requests(request.prompt, max_tokens=600))
    monkeypatch.setenv(VARIABLE, "another-key")
    with pytest.raises(UserError, match=VARIABLE) as caught:
        await engine(server).generate([request])
    assert "another-key" not in str(caught.value)


def evaluate(out: Path, model: str, *overrides: str, **environment: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "rayboot", "evaluate", model, "--dataset", "quickstart/test"]
    command += ["--out", str(out), "problems.limit=24", *overrides]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"RAY_ADDRESS": "local"} | environment,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    [row] = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return {name: value for name, value in row.items() if name not in ("model", "seconds")}


@pytest.mark.long
def test_an_evaluation_of_a_served_policy_equals_that_of_the_local_policy(
    server: VllmServer, tmp_path: Path
) -> None:
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(SEED_MODEL) / name, tokenizer)
    budget = ("policy.max_prompt_tokens=384", "policy.max_completion_tokens=96")
    openai = {"base_url": server.url, "model": "served", "api": "completions", "api_key_env": VARIABLE}
    options = [
        "generation.engine=openai",
        *(f"generation.openai.{name}={value}" for name, value in openai.items()),
    ]
    served = evaluate(tmp_path / "served", str(tokenizer), *budget, *options)
    local = evaluate(tmp_path / "here", SEED_MODEL, *budget, "generation.dtype=float32")
    assert served.pop("retries") == served.pop("cost") == 0
    assert served == local
    assert served["attempts"] > 24
    files = [file for file in (tmp_path / "served").rglob("*") if file.is_file()]
    assert len(files) > 3
    assert not any(server.key.encode() in file.read_bytes() for file in files)
