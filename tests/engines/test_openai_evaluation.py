"""`rayboot evaluate` of a chat model: from the recipe's options to the verdicts."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("openai")

from support.canned_server import CannedServer, canned_server, chat, refusal
from support.small_runs import small_recipe

from rayboot.errors import UserError
from rayboot.metrics import MetricsRow
from rayboot.recipes import resolve_model
from rayboot.runs.evaluate import measure
from rayboot.runs.launch import run_recipe
from rayboot.stages.observer import Silent

ANSWER = "Here is the function:\n```python\ndef double(x):\n    return 2 * x\n```\n# It doubles x."

PROBLEM = {
    "id": "own/1",
    "benchmark": "humaneval",
    "statement": "",
    "starter_code": 'def double(x):\n    """Double a number."""\n',
    "entry_point": "double",
    "tests": [{"kind": "assert", "code": "assert double(4) == 8"}],
}


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(resolve_model("quickstart")) / name, folder)
    return str(folder)


async def evaluate(server: CannedServer, tokenizer: str, out: Path) -> MetricsRow:
    problems = out.parent / "problems.jsonl"
    problems.write_text(json.dumps(PROBLEM) + "\n")
    options = {"engine": "openai", "openai.base_url": server.url, "openai.model": "teacher", "cpus": 0.5}
    overrides = [f"generation.{name}={value}" for name, value in options.items()]
    return await asyncio.to_thread(
        measure, tokenizer, f"jsonl:{problems}", [*overrides, "sandbox.cpus=0.5"], out, Silent()
    )


async def test_the_whole_program_in_a_fenced_answer_is_judged(
    ray_session: None, tokenizer: str, tmp_path: Path
) -> None:
    async with canned_server(chat(ANSWER)) as server:
        metrics = await evaluate(server, tokenizer, tmp_path / "out")
    assert metrics.rates["pass@1"] == 1.0
    [body] = server.bodies
    assert "stop" not in body  # such as "\n#" and "\ndef", which end completions of plain text
    assert body["messages"][0]["content"] == PROBLEM["starter_code"]


async def test_a_refused_request_is_one_clear_error(
    ray_session: None, tokenizer: str, tmp_path: Path
) -> None:
    async with canned_server(refusal(404, "The model `teacher` does not exist.")) as server:
        with pytest.raises(UserError, match="The model `teacher` does not exist"):
            await evaluate(server, tokenizer, tmp_path / "out")


def test_a_run_that_would_train_is_refused_before_any_request(tmp_path: Path) -> None:
    served = {"engine": "openai", "openai": {"base_url": "http://127.0.0.1:9/v1", "model": "teacher"}}
    with pytest.raises(UserError, match="use transformers or vllm"):
        run_recipe(small_recipe(tmp_path, generation=served), Silent())
    assert not (tmp_path / "runs").exists()
