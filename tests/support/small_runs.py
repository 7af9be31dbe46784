"""Recipes for whole runs that take seconds: a tiny model with random weights, a few problems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.tiny_models import tiny_llama

from rayboot.config import Recipe


def small_recipe(folder: Path, **changes: Any) -> Recipe:
    """Return a recipe with the tiny model and 12 problems in `folder`; `changes` are merged into its sections."""
    model = folder / "model"
    if not model.exists():
        tiny_llama(model)
    problems = {}
    for split, numbers in {"train": range(2, 8), "validation": range(10, 13), "test": range(20, 23)}.items():
        path = folder / f"{split}.jsonl"
        path.write_text("".join(json.dumps(problem(number)) + "\n" for number in numbers))
        problems[split] = f"jsonl:{path}"
    data: dict[str, Any] = {
        "name": "small",
        "runs": str(folder / "runs"),
        "algorithm": {"iterations": 1},
        "problems": problems,
        "policy": {"model": str(model), "max_prompt_tokens": 200, "max_completion_tokens": 40},
        "generation": {"dtype": "float64", "cpus": 0.5},
        "sandbox": {"cpus": 0.5, "timeout": 5},
        "training": {"epochs": 2, "batch_size": 4, "lr": 1e-3},
    }
    for key, value in changes.items():
        data[key] = (
            {**data.get(key, {}), **value} if isinstance(value, dict) and key != "algorithm" else value
        )
    return Recipe.model_validate(data)


def problem(number: int) -> dict[str, Any]:
    """Return a problem in the JSONL schema: multiply by `number`, with one public and one hidden test."""
    return {
        "id": f"own/{number}",
        "benchmark": "own",
        "statement": f"Write a function f to multiply by {number}.",
        "entry_point": "f",
        "tests": [
            {"kind": "assert", "code": f"assert f(2) == {2 * number}", "public": True},
            {"kind": "assert", "code": f"assert f(3) == {3 * number}"},
        ],
        "references": [f"def f(x):\n    return {number} * x"],
    }


def metrics(run: Path) -> list[dict[str, Any]]:
    """Return the rows of a run's metrics.jsonl, without measured times."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "generation")} for row in rows
    ]
