from __future__ import annotations

from pathlib import Path

import pytest

from rayboot.config import Experiment, load_experiment, plan_runs
from rayboot.errors import UserError
from rayboot.recipes import resolve_recipe

JOBS = Path(__file__).parents[2] / "jobs/experiments"
QUICKSTART = resolve_recipe("quickstart")

GRID = Experiment(
    name="grid",
    recipe="quickstart",
    arms={"restart": ("algorithm.start=pretrained",), "continue": ("algorithm.start=previous",)},
    seeds=(3, 5),
)


def written(folder: Path, text: str) -> Path:
    file = folder / "grid.yaml"
    file.write_text(text)
    return file


def test_every_arm_runs_with_every_seed_and_the_arms_of_a_seed_come_together() -> None:
    runs = plan_runs(GRID, QUICKSTART, ["runs=elsewhere"])

    assert [(run.recipe.runs, run.recipe.name, run.recipe.seed) for run in runs] == [
        ("elsewhere/grid", "restart-3", 3),
        ("elsewhere/grid", "continue-3", 3),
        ("elsewhere/grid", "restart-5", 5),
        ("elsewhere/grid", "continue-5", 5),
    ]
    assert [run.recipe.algorithm.start for run in runs] == ["pretrained", "previous"] * 2


def test_an_arms_own_overrides_win_over_those_for_all() -> None:
    runs = plan_runs(GRID, QUICKSTART, ["algorithm.start=previous", "algorithm.iterations=7"])

    assert runs[0].recipe.algorithm.start == "pretrained"
    assert {run.recipe.algorithm.iterations for run in runs} == {7}


@pytest.mark.parametrize("override", ["seed=4", "name=mine"])
def test_what_the_experiment_decides_is_not_for_overrides(override: str) -> None:
    with pytest.raises(UserError, match="the experiment sets name and seed of every run"):
        plan_runs(GRID, QUICKSTART, [override])


def test_a_mistake_in_an_arm_names_the_arm() -> None:
    experiment = GRID.model_copy(update={"arms": {"restart": (), "typo": ("algorithm.strat=previous",)}})
    with pytest.raises(UserError, match=r"(?s)^arm typo: .*algorithm.strat: unknown key"):
        plan_runs(experiment, QUICKSTART)


def test_arms_are_compared_with_the_first_unless_a_baseline_is_named() -> None:
    assert GRID.compared_with == "restart"
    assert GRID.model_copy(update={"baseline": "continue"}).compared_with == "continue"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nrecipe: b\narms: {x: []}\nseeds: [1, 1]", "seeds [1, 1] must be distinct"),
        ("name: a\nrecipe: b\narms: {x: []}\nseeds: [1]\nbaseline: y", "'y' is not an arm; the arms are x"),
        ("name: a\nrecipe: b\narms: {x: []}\nseed: [1]", "seed: unknown key; did you mean seeds"),
        ("name: a\nrecipe: b\narms: {}\nseeds: [1]", "arms: "),
        ("[]", "expected a YAML mapping with keys such as name, recipe, arms and seeds"),
    ],
)
def test_a_wrong_experiment_is_refused_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=r"grid\.yaml") as caught:
        load_experiment(written(tmp_path, text))
    assert message in str(caught.value)


@pytest.mark.parametrize("file", sorted(JOBS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_experiments_that_come_along_are_valid(file: Path) -> None:
    experiment = load_experiment(file)
    beside = file.parent / experiment.recipe
    runs = plan_runs(experiment, beside if beside.is_file() else resolve_recipe(experiment.recipe))

    assert len(runs) == len(experiment.arms) * len(experiment.seeds)
    assert len({run.recipe.model_copy(update={"name": "same"}).model_dump_json() for run in runs}) == len(
        runs
    )
