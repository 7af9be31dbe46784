"""A small instruction-tuned model in the whole loop: chats, both engines, a LoRA refit, evaluation.

Tiny models with random weights never end a turn or answer a question, and have no chat template.
"""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pytest
from support.small_runs import problem

from rayboot.config import GenerationConfig, Recipe
from rayboot.engines import GenerationRequest, SamplingParams, create_engine
from rayboot.rollout.prompting import load_render
from rayboot.runs.launch import run_recipe
from rayboot.stages.observer import Silent

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "smollm2"
MBPP = ROOT.parent / "shared" / "data" / "mbpp" / "mbpp.jsonl"
MAX_TOKENS = 40

pytestmark = [
    pytest.mark.skipif(not MODEL.is_dir(), reason="no models/smollm2: `make smollm2` brings it"),
    pytest.mark.slow,
]


def problem_sets(folder: Path) -> dict[str, str]:
    """Return SPECs of 12 training, 2 validation and 2 test problems: of MBPP, or synthetic ones without its file."""
    numbers = {"train": range(601, 613), "validation": range(511, 513), "test": range(11, 13)}
    specs = {}
    for split, ids in numbers.items():
        file = folder / f"{split}.jsonl"
        if MBPP.exists():
            rows = [row for row in map(json.loads, MBPP.open()) if row["task_id"] in ids]
        else:
            rows = [problem(number) for number in ids]
        assert len(rows) == len(ids)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        specs[split] = f"{'mbpp' if MBPP.exists() else 'jsonl'}:{file}"
    return specs


def written_by_transformers(prompts: list[str], checkpoint: str | None) -> list[tuple[str, int, str]]:
    async def write() -> list[tuple[str, int, str]]:
        engine = create_engine(GenerationConfig(dtype="float32", cpus=2), str(MODEL))
        if checkpoint is not None:
            await engine.publish(checkpoint, 1)
        params = SamplingParams(max_tokens=MAX_TOKENS)
        requests = [GenerationRequest(prompt=prompt, seeds=(0,), params=params) for prompt in prompts]
        results = await engine.generate(requests)
        await engine.close()
        return [(only.text, only.tokens, only.finish_reason) for [only] in (r.completions for r in results)]

    return asyncio.run(write())


def test_an_answer_in_a_chat_ends_with_the_end_of_turn_token() -> None:
    question = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    [(text, tokens, reason)] = written_by_transformers([load_render(str(MODEL))(question)], None)
    assert "Paris" in text
    assert reason == "stop"
    assert tokens < MAX_TOKENS


def attempts(run: Path, folder: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pads.dataset(run / folder, format="parquet").to_table().to_pylist()
    return rows


def test_the_loop_runs_with_a_real_model_and_both_engines_generate_the_same(
    ray_session: None, tmp_path: Path
) -> None:
    engine = "vllm" if find_spec("vllm") else "transformers"
    recipe = Recipe.model_validate(
        {
            "name": "real",
            "runs": str(tmp_path),
            "algorithm": {"iterations": 1},
            "problems": problem_sets(tmp_path),
            "policy": {"model": str(MODEL), "max_prompt_tokens": 400, "max_completion_tokens": MAX_TOKENS},
            "prompts": {"style": "chat"},
            "generation": {
                "engine": engine,
                "dtype": "float32",
                "batch_size": 16,
                "vllm": {"max_model_len": 512, "max_lora_rank": 8} if engine == "vllm" else {},
            },
            "rollout": {"repair_rounds": 0},
            "evaluation": {"repair_rounds": 0},
            "training": {
                "lora": {"rank": 8},
                "epochs": 1,
                "batch_size": 4,
                "lr": 1e-3,
                "patience": None,
                "cpus_per_worker": 2,
            },
        }
    )
    outcome = run_recipe(recipe, Silent())
    run, checkpoint = tmp_path / "real", tmp_path / "real" / "iterations" / "01" / "checkpoint"
    [train] = [row for row in outcome.rows if row.split == "train"]
    assert train.problems == 12
    assert train.training["steps"] >= 2  # examples that are too long are left out

    rollout = attempts(run, "iterations/01/rollout")
    assert all(row["prompt"].endswith("<|im_start|>assistant\n") for row in rollout)
    assert not any("<|im" in row["completion"] for row in rollout)
    measured = attempts(run, "iterations/01/evaluation")
    assert {row["weights_version"] for row in measured} == {1}
    for rows, weights in ((rollout, None), (measured, str(checkpoint))):
        expected = [(row["completion"], row["completion_tokens"], row["finish_reason"]) for row in rows]
        assert written_by_transformers([row["prompt"] for row in rows], weights) == expected
