from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from rayboot.config.generation import GenerationConfig
from rayboot.errors import UserError
from rayboot.generation import GenerationRequest, SamplingParams, create_engine, load_token_counter

ROWS = """{"tag": "MBPP/11/0", "completions": ["def f(x): return x", "def f(x): pass", "nothing"]}

{"prompt": "say hello", "completions": ["print('hello world')"]}
"""


def recording(tmp_path: Path, text: str = ROWS, latency: float = 0.0) -> GenerationConfig:
    path = tmp_path / "recording.jsonl"
    path.write_text(text, encoding="utf-8")
    return GenerationConfig(engine="recorded", recording=str(path), latency=latency)


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
    engine = create_engine(recording(tmp_path, latency=0.1), "")
    before = time.perf_counter()
    await asyncio.gather(*(engine.generate([request("MBPP/11/0")]) for _ in range(20)))
    assert 0.1 <= time.perf_counter() - before < 1.0


async def test_results_carry_the_published_version(tmp_path: Path) -> None:
    engine = create_engine(recording(tmp_path), "")
    await engine.publish("no checkpoint is read", 3)
    [result] = await engine.generate([request("MBPP/11/0")])
    assert result.version == engine.version == 3


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"tag": "a"}', "line 1: completions"),
        ('{"tag": "a", "completions": []}', "line 1: completions"),
        ('{"tag": "a", "prompt": "b", "completions": ["c"]}', "either tag or prompt"),
        ('{"completions": ["c"]}', "either tag or prompt"),
        ('{"tag": "a", "completions": ["c"', "line 1"),
        ('{"tag": "a", "completions": ["c"], "text": ""}', "line 1: text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        create_engine(recording(tmp_path, line), "")


def test_a_missing_recording_is_named() -> None:
    with pytest.raises(UserError, match=r"nowhere\.jsonl"):
        create_engine(GenerationConfig(engine="recorded", recording="nowhere.jsonl"), "")


def test_unicode_line_separators_inside_a_completion_do_not_end_a_row(tmp_path: Path) -> None:
    create_engine(recording(tmp_path, '{"tag": "a", "completions": ["b\u2028c"]}\n'), "")
