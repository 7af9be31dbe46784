"""An algorithm with a model beside the policy: a teacher whose verified programs the policy learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow.dataset as pads
import pytest
from support.small_runs import metrics, small_recipe

from rayboot.algorithms import Algorithm
from rayboot.config import ModelConfig
from rayboot.pools.cluster import required_resources
from rayboot.pools.replica import Weights
from rayboot.runs.launch import run_recipe
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Silent


class Taught(Algorithm):
    """Train the policy on what the teacher solves."""

    type: Literal["taught"] = "taught"
    roles: ClassVar[tuple[str, ...]] = ("teacher",)

    def run(self, lab: Lab) -> Weights:
        teacher = lab.models["teacher"].pretrained
        lab.evaluate(lab.pretrained)
        lab.evaluate(teacher, name="teacher_evaluation")
        policy = lab.pretrained
        for _ in lab.iterations(1):
            attempts = lab.rollout(teacher, feedback="none")
            policy = lab.refit(lab.curate(attempts), start=lab.pretrained)
            lab.evaluate(policy)
        return policy


@pytest.mark.filterwarnings("ignore:.*serialized value")  # the algorithm is not in the registry
def test_the_policy_learns_what_the_teacher_solves(tmp_path: Path, ray_session: None) -> None:
    right = {
        f"{split}/own/{n}/0": f"def f(x):\n    return {n} * x" for split, n in (("train", 3), ("test", 21))
    }
    rows = [*({"tag": tag, "completions": [text]} for tag, text in right.items()), {"completions": ["pass"]}]
    recording = tmp_path / "teacher.jsonl"
    recording.write_text("".join(json.dumps(row) + "\n" for row in rows))
    teacher = ModelConfig.model_validate(
        {
            "model": "some teacher",
            "generation": {"engine": "recorded", "recording": str(recording), "cpus": 0.25},
        }
    )
    small = small_recipe(tmp_path, curation={"reference_fallback": False})
    recipe = small.model_copy(update={"algorithm": Taught(), "models": {"teacher": teacher}})
    assert required_resources(recipe)["CPU"] == required_resources(small)["CPU"] + 0.25

    outcome = run_recipe(recipe, Silent())
    run = tmp_path / "runs/small"
    attempts = pads.dataset(run / "iterations/01/rollout", format="parquet").to_table().to_pylist()
    assert {(row["author"], row["problem_id"]) for row in attempts if row["status"] == "passed"} == {
        ("teacher", "own/3")
    }
    assert [(row["iteration"], row["split"], row["pass@1"] > 0) for row in metrics(run)] == [
        (0, "validation", False),
        (0, "test", False),
        (0, "teacher_evaluation/validation", False),
        (0, "teacher_evaluation/test", True),
        (1, "train", True),
        (1, "validation", False),
        (1, "test", False),
    ]
    assert metrics(run)[-1]["training_examples"] == {"solution": 1}
    assert outcome.best_iteration == 1
    assert run_recipe(recipe, Silent(), resume=True) == outcome
