from __future__ import annotations

import asyncio
import time
from math import log
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from rayboot.config import GenerationConfig
from rayboot.engines import GenerationRequest, SamplingParams, create_engine, load_token_counter
from rayboot.engines.recorded import completion_seconds
from rayboot.errors import UserError

ROWS = """{"tag": "MBPP/11/0", "completions": ["def f(x): return x", "def f(x): pass", "nothing"]}

{"prompt": "say hello", "completions": ["print('hello world')"]}
"""


def recording(tmp_path: Path, text: str = ROWS, **options: Any) -> GenerationConfig:
    path = tmp_path / "recording.jsonl"
    path.write_text(text, encoding="utf-8")
    return GenerationConfig(engine="recorded", recording=str(path), **options)


def request(tag: str = "", prompt: str = "any prompt", samples: int = 1) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, seeds=tuple(range(samples)), params=SamplingParams(), tag=tag)


async def test_samples_take_the_recorded_completions_in_turn(tmp_path: Path) -> None:
    engine = create_engine(recording(tmp_path), "")
    [result] = await engine.generate([request("MBPP/11/0", samples=5)])
    texts = [completion.text for completion in result.completions]
    assert texts == [
        "def f(x): return x",
        "def f(x): pass",
        "nothing",
        "def f(x): return x",
        "def f(x): pass",
    ]


async def test_tokens_are_words(tmp_path: Path) -> None:
    config = recording(tmp_path)
    [result] = await create_engine(config, "").generate([request("MBPP/11/0", prompt="a b\nc")])
    assert (result.prompt_tokens, result.completions[0].tokens) == (3, 4)
    assert load_token_counter(config, "")("a b\nc") == 3


async def test_a_request_may_be_looked_up_by_its_prompt(tmp_path: Path) -> None:
    [result] = await create_engine(recording(tmp_path), "").generate([request("unknown", prompt="say hello")])
    assert result.completions[0].text == "print('hello world')"


async def test_an_unknown_request_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MBPP/12/0"):
        await create_engine(recording(tmp_path), "").generate([request("MBPP/12/0")])


async def test_requests_overlap(tmp_path: Path) -> None:
    engine = create_engine(recording(tmp_path, latency=0.5), "")
    before = time.perf_counter()
    await asyncio.gather(*(engine.generate([request("MBPP/11/0")]) for _ in range(20)))
    assert 0.5 <= time.perf_counter() - before < 5.0


async def test_at_most_batch_size_completions_are_in_flight(tmp_path: Path) -> None:
    engine = create_engine(recording(tmp_path, latency=0.1, batch_size=25), "")
    before = time.perf_counter()
    await engine.generate([request("MBPP/11/0", samples=100)])
    assert 0.4 <= time.perf_counter() - before < 5.0


def test_durations_are_a_function_of_the_seed_with_the_latency_as_mean() -> None:
    seconds = [completion_seconds(seed, latency=2.0, spread=0.5) for seed in range(10_000)]

    assert completion_seconds(7, 2.0, 0.5) == seconds[7]
    assert fmean(seconds) == pytest.approx(2.0, rel=0.02)
    assert stdev(map(log, seconds)) == pytest.approx(0.5, rel=0.05)
    assert completion_seconds(7, 2.0, 0.0) == 2.0


async def test_other_requests_draw_from_the_row_without_tag_and_prompt(tmp_path: Path) -> None:
    engine = create_engine(recording(tmp_path, ROWS + '{"completions": ["a", "b", "c"]}\n'), "")

    [other] = await engine.generate([request("MBPP/99/1").model_copy(update={"seeds": (7, 3, 7, 5)})])
    [named] = await engine.generate([request("MBPP/11/0")])

    assert [completion.text for completion in other.completions] == ["b", "a", "b", "c"]
    assert named.completions[0].text == "def f(x): return x"


async def test_results_carry_the_published_version(tmp_path: Path) -> None:
    engine = create_engine(recording(tmp_path), "")
    await engine.publish("no checkpoint is read", 3)
    [result] = await engine.generate([request("MBPP/11/0")])
    assert result.version == engine.version == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"tag": "a"}', "line 1: completions"),
        ('{"tag": "a", "completions": []}', "line 1: completions"),
        ('{"tag": "a", "prompt": "b", "completions": ["c"]}', "either tag or prompt"),
        ('{"tag": "a", "completions": ["c"', "line 1"),
        ('{"tag": "a", "completions": ["c"], "text": ""}', "line 1: text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        create_engine(recording(tmp_path, line), "")


def test_a_missing_recording_is_named() -> None:
    with pytest.raises(UserError, match=r"nowhere\.jsonl"):
        create_engine(GenerationConfig(engine="recorded", recording="nowhere.jsonl"), "")


def test_unicode_line_separators_inside_a_completion_do_not_end_a_row(tmp_path: Path) -> None:
    create_engine(recording(tmp_path, '{"tag": "a", "completions": ["b\u2028c"]}\n'), "")
