"""What each mode and option of the loop samples, and what it learns from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pytest
from support.small_runs import small_recipe

from rayboot.launch import load_splits
from rayboot.observer import Silent
from rayboot.rollout import Weights
from rayboot.run import RunDirectory
from rayboot.stages import Stages

RIGHT = {number: f"def f(x):\n    return {number} * x" for number in range(2, 8)}
WRONG = "def f(x):\n    return x - 1"

# Problem 2 is solved at once, 3 by its first repair, 4 by its second, 5 to 7 never.
ANSWERS = {
    **{f"train/own/{number}/{round}": WRONG for number in range(2, 8) for round in range(3)},
    "train/own/2/0": RIGHT[2],
    "train/own/3/1": "def f(x):\n    return x * 3",  # not the reference: that would be the same example
    "train/own/4/2": RIGHT[4],
}

Build = Callable[..., tuple[Stages, RunDirectory]]


@pytest.fixture
def build(tmp_path: Path, ray_session: None) -> Iterator[Build]:
    """Makes the stages of a recipe whose completions are recorded."""
    started: list[Stages] = []

    def build(**changes: Any) -> tuple[Stages, RunDirectory]:
        recording = tmp_path / "recording.jsonl"
        rows = ({"tag": tag, "completions": [text]} for tag, text in ANSWERS.items())
        recording.write_text("".join(json.dumps(row) + "\n" for row in rows))
        engine = {"engine": "recorded", "recording": str(recording), "dtype": "auto"}
        recipe = small_recipe(tmp_path, **{"generation": engine, **changes})
        run = RunDirectory.open(recipe, resume=True, facts={})
        started.append(Stages(recipe, run, "none", load_splits(recipe), Silent()))
        return started[-1], run

    yield build
    for stages in started:
        stages.close()


def prompts_of(run: RunDirectory, iteration: int = 1) -> dict[str, list[tuple[str, bool]]]:
    """Of every problem in a training set, the kinds of its examples and whether each is on a repair prompt."""
    rows = pads.dataset(run.uri(iteration, "training_set")).to_table().to_pylist()
    found: dict[str, list[tuple[str, bool]]] = {}
    for row in rows:
        found.setdefault(row["problem_id"], []).append((row["kind"], "# Repair" in row["prompt"]))
    return found


@pytest.mark.parametrize(
    ("mode", "attempts", "examples"),
    [
        ("plain", 6, {"solution": 1, "reference": 5}),
        pytest.param("simple", 11, {"solution": 1, "repair": 1, "reference": 4}, marks=pytest.mark.long),
        ("full", 11, {"solution": 1, "repair": 1, "reference": 4}),
    ],
)
def test_a_mode_decides_what_is_repaired_and_learned(
    build: Build, mode: str, attempts: int, examples: dict[str, int]
) -> None:
    stages, run = build(mode=mode)
    assert stages.rollout(1, stages.pretrained)["splits"]["train"]["attempts"] == attempts
    assert stages.curate(1)["examples"] == examples
    on_repair_prompt = mode != "plain"
    assert prompts_of(run)["own/2"] == [("solution", False)]
    assert prompts_of(run)["own/5"] == [("reference", on_repair_prompt)]


def test_finetuning_learns_every_reference_on_its_first_prompt_without_sampling(build: Build) -> None:
    stages, run = build(mode="finetune")
    assert stages.curate(1)["examples"] == {"reference": 6}
    assert list(prompts_of(run).values()) == [[("reference", False)]] * 6
    assert not run.storage.exists(run.folder(1, "rollout"))


def test_a_second_round_repairs_the_repair(build: Build) -> None:
    stages, _ = build(rollout={"repair_rounds": 2})
    train = stages.rollout(1, stages.pretrained)["splits"]["train"]
    assert train["attempts"] == 1 + 2 + 4 * 3
    assert train["repair@1"] == pytest.approx(3 / 6)
    assert stages.curate(1)["examples"] == {"solution": 1, "repair": 2, "reference": 3}


def test_options_of_curation_reach_it(build: Build) -> None:
    stages, run = build(curation={"reinforce_first_prompt": True, "reference_fallback": False})
    stages.rollout(1, stages.pretrained)
    assert stages.curate(1)["examples"] == {"solution": 1, "repair": 1, "repair_on_first_prompt": 1}
    assert prompts_of(run)["own/3"] == [("repair", True), ("repair_on_first_prompt", False)]


@pytest.mark.parametrize(
    ("replay", "replayed"),
    [({}, 2), pytest.param({"strategy": "recency", "size": 1}, 1, marks=pytest.mark.long)],
)
def test_the_replay_buffer_adds_verified_programs_of_earlier_iterations(
    build: Build, replay: dict[str, Any], replayed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages, run = build(curation={"replay": replay}, iterations=2)
    stages.rollout(1, stages.pretrained)
    stages.curate(1)
    for tag in (
        "train/own/2/0",
        "train/own/3/1",
    ):  # the second iteration solves other problems than the first
        monkeypatch.setitem(ANSWERS, tag, WRONG)
    for number in (5, 6):
        monkeypatch.setitem(ANSWERS, f"train/own/{number}/0", RIGHT[number])
    second, run = build(curation={"replay": replay}, iterations=2)
    second.rollout(2, Weights(checkpoint="none", version=1))
    made = second.curate(2)
    examples = made["examples"]
    assert examples["replay"] == replayed
    assert made["replayed"] == {"1": replayed}
    assert made["dropped"] == ({"replay_size": 1} if replayed == 1 else {})
    assert examples["solution"] == 2
    assert examples["reference"] == 4
    assert prompts_of(run, 2)["own/5"] == [("solution", False)]


def test_a_rollout_with_weights_older_than_the_replicas_is_refused(build: Build) -> None:
    stages, _ = build()
    stages.rollout(1, Weights(checkpoint="none", version=3))
    with pytest.raises(Exception, match="must not mix versions"):
        stages.rollout(2, Weights(checkpoint="none", version=2))
