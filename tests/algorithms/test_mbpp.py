"""One iteration of Dr. Boot on the 374 training problems of MBPP."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.dataset as pads
import pytest

from rayboot.config import Recipe
from rayboot.problems import load_problems
from rayboot.runs.launch import run_recipe
from rayboot.stages.observer import Silent

MBPP = Path(__file__).parents[2].parent / "shared" / "data" / "mbpp" / "mbpp.jsonl"

pytestmark = pytest.mark.skipif(not MBPP.exists(), reason="no MBPP file beside the project")


def without_whitespace(program: str) -> str:
    return "".join(program.split())


@pytest.mark.long
def test_each_training_problem_is_sampled_repaired_and_learned_once(
    ray_session: None, tmp_path: Path
) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "mbpp",
            "runs": str(tmp_path),
            "algorithm": {"iterations": 1},
            "problems": {"train": f"mbpp:{MBPP}/train", "validation": f"mbpp:{MBPP}/prompt"},
            "policy": {"model": "quickstart", "max_prompt_tokens": 512, "max_completion_tokens": 64},
            "generation": {"batch_size": 64, "cpus": 1},
            "sandbox": {"timeout": 5, "cpus": 0.5},
            "training": {"epochs": 0.2, "lr": 1e-4, "batch_size": 24},
        }
    )
    outcome = run_recipe(recipe, Silent())
    iteration = tmp_path / "mbpp" / "iterations" / "01"
    attempts = pads.dataset(iteration / "rollout", format="parquet").to_table().to_pylist()
    examples = pads.dataset(iteration / "training_set", format="parquet").to_table().to_pylist()

    problems = {problem.id: problem for problem in load_problems(recipe.problems.train)}
    first = {row["problem_id"]: row for row in attempts if row["round"] == 0}
    repairs = {row["problem_id"]: row for row in attempts if row["round"] == 1}
    failing = {id for id, row in first.items() if row["status"] != "passed"}
    assert len(problems) == 374
    assert first.keys() == problems.keys()
    assert repairs.keys() == failing
    assert len(attempts) == len(first) + len(repairs)

    expected = {}
    for id in problems:
        last = repairs.get(id, first[id])
        kind = "reference" if last["status"] != "passed" else "repair" if last["round"] else "solution"
        expected[id] = (kind, last["prompt"])
    assert {row["problem_id"]: (row["kind"], row["prompt"]) for row in examples} == expected
    assert len(examples) == 374
    references = {
        row["problem_id"]: without_whitespace(row["completion"])
        for row in examples
        if row["kind"] == "reference"
    }
    assert references == {id: without_whitespace(problems[id].references[0]) for id in references}

    [train] = [row for row in outcome.rows if row.split == "train"]
    assert train.training_examples == dict(sorted(Counter(kind for kind, _ in expected.values()).items()))
    assert train.attempts == len([row for row in attempts if row["status"] != "skipped"])
