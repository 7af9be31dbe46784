from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from support.small_runs import small_recipe

from rayboot.config import Experiment, PlannedRun, recipe_yaml
from rayboot.errors import UserError
from rayboot.runs.experiment import planned, run_experiment
from rayboot.stages.observer import Silent


@pytest.mark.long
@pytest.mark.slow
def test_an_experiment_runs_its_grid_once_and_compares_the_arms(tmp_path: Path, ray_session: None) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        recipe_yaml(small_recipe(tmp_path, algorithm={"type": "finetune"}, training={"epochs": 1}))
    )
    experiment = Experiment(
        name="grid",
        recipe="recipe.yaml",
        arms={"slow": ("training.lr=1e-5",), "fast": ("training.lr=1e-2",)},
        seeds=(1,),
    )
    runs = planned(experiment, tmp_path / "grid.yaml", [])
    calls: list[tuple[int, int, str]] = []

    def begin(number: int, total: int, run: PlannedRun) -> None:
        calls.append((number, total, run.recipe.name))

    outcome = run_experiment(experiment, runs, Silent(), False, begin)

    folder = tmp_path / "runs/grid"
    assert calls == [(1, 2, "slow-1"), (2, 2, "fast-1")]
    assert yaml.safe_load((folder / "fast-1/recipe.yaml").read_text())["training"]["lr"] == 1e-2
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [(row["arm"], row["seed"], len(row["curve"])) for row in rows] == [("slow", 1, 2), ("fast", 1, 2)]
    assert outcome.tables in (folder / "results.md").read_text()

    # With resume, finished runs are read back with the same results; without it, no file changes.
    markers = {path: path.stat().st_mtime for path in folder.rglob("*.done")}
    with pytest.raises(UserError, match="--resume"):
        run_experiment(experiment, runs, Silent(), False, begin)
    assert run_experiment(experiment, runs, Silent(), True, begin) == outcome
    assert {path: path.stat().st_mtime for path in folder.rglob("*.done")} == markers
