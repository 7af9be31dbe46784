"""Evaluation of a run uses the run's recipe and seeds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pytest
import yaml
from support.small_runs import problem, small_recipe

from rayboot.attempts import derive_seed
from rayboot.errors import UserError
from rayboot.report import report_runs
from rayboot.runs.evaluate import measure
from rayboot.stages.observer import Silent
from rayboot.storage import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a finished run with non-default options that trained on GPUs; iteration 2 is the best."""
    (tmp_path / "shots.jsonl").write_text("".join(json.dumps(problem(n)) + "\n" for n in (30, 31, 32)))
    answers = [{"tag": f"test/own/{n}/0", "completions": ["pass"] * 3} for n in (20, 21, 22)]
    (tmp_path / "recording.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    few_shot = {"few_shot": f"jsonl:{tmp_path}/shots.jsonl", "shots": 3, "limit": 2}
    recipe = small_recipe(
        tmp_path,
        seed=7,
        problems={**small_recipe(tmp_path).problems.model_dump(), **few_shot},
        generation={"engine": "recorded", "recording": str(tmp_path / "recording.jsonl"), "dtype": "float32"},
        evaluation={"samples": 3, "temperature": 0.7, "top_p": 0.9, "repair_rounds": 0, "k": [1, 3]},
        training={"workers": 2, "gpus_per_worker": 1.0},
    )
    directory = RunDirectory.open(recipe, resume=False, facts={"name": "small"})
    shutil.copytree(tmp_path / "model", directory.uri(2, "checkpoint"))
    directory.finish(best_iteration=2)
    return Path(directory.uri(0, "")).parent.parent


def attempts(folder: Path) -> list[dict[str, Any]]:
    return pads.dataset(folder / "iterations/02/evaluation", format="parquet").to_table().to_pylist()


def test_a_run_is_evaluated_with_its_recipe_and_requests_no_gpus_for_training(
    run: Path, tmp_path: Path, ray_session: None
) -> None:
    out, dataset = tmp_path / "out", f"jsonl:{tmp_path}/test.jsonl"
    metrics = measure(str(run), dataset, [], out, Silent())
    assert metrics.rates.keys() >= {"pass@1", "pass@3"}
    assert (metrics.problems, metrics.attempts) == (3, 9)  # the limit applies to the run's problems alone
    written = yaml.safe_load((out / "recipe.yaml").read_text())
    assert written["evaluation"] == yaml.safe_load((run / "recipe.yaml").read_text())["evaluation"]
    for attempt in attempts(out):
        assert ["multiply by 30" in attempt["prompt"], "multiply by 31" in attempt["prompt"]] == [True, True]
        assert "multiply by 32" not in attempt["prompt"]  # the limit applies to few-shot examples as well
        drawn = (attempt["problem_id"], 0, attempt["sample"])
        assert attempt["seed"] == derive_seed(7, 2, "test", *drawn)
    assert "pass@1" in Path(report_runs([str(out)])).read_text()


def test_a_run_without_its_recipe_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "recipe.yaml").unlink()
    with pytest.raises(
        UserError, match=r"has no recipe.yaml, which says how to prompt its model: restore it"
    ):
        measure(str(run), f"jsonl:{tmp_path}/test.jsonl", [], None, Silent())


def test_an_unfinished_run_is_refused(run: Path, tmp_path: Path) -> None:
    (run / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"no best iteration yet; finish it with rayboot run --resume$"):
        measure(str(run), f"jsonl:{tmp_path}/test.jsonl", [], None, Silent())
    (run / "iterations/01").mkdir(parents=True)
    (run / "iterations/01/checkpoint.done").write_text('{"loss": 1.0}')
    with pytest.raises(UserError, match=r"or name a checkpoint, such as .*/iterations/01/checkpoint$"):
        measure(str(run), f"jsonl:{tmp_path}/test.jsonl", [], None, Silent())
