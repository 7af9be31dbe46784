"""What the lab's stages sample and learn with each option."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pytest
from support.small_runs import small_recipe

from rayboot.algorithms import Feedback
from rayboot.config import POLICY, ModelConfig
from rayboot.errors import UserError
from rayboot.pools.replica import Weights
from rayboot.rollout import read_attempts
from rayboot.runs.launch import load_splits
from rayboot.stages.lab import Lab
from rayboot.stages.model import Model
from rayboot.stages.observer import Silent
from rayboot.storage import RunDirectory

RIGHT = {number: f"def f(x):\n    return {number} * x" for number in range(2, 8)}
WRONG = "def f(x):\n    return x - 1"
OTHERS = json.dumps({"completions": [WRONG]}) + "\n"

# Problem 2 is solved by the first attempt, 3 by the first repair, 4 by the second repair, 5 to 7 never.
ANSWERS = {
    **{f"train/own/{number}/{round}": WRONG for number in range(2, 8) for round in range(3)},
    "train/own/2/0": RIGHT[2],
    "train/own/3/1": "def f(x):\n    return x * 3",  # different from the reference, to be a different example
    "train/own/4/2": RIGHT[4],
}

Build = Callable[..., tuple[Lab, RunDirectory]]


@pytest.fixture
def build(tmp_path: Path, ray_session: None) -> Iterator[Build]:
    """Return a function that creates the lab of a recipe with recorded completions."""
    started: list[Lab] = []

    def build(**changes: Any) -> tuple[Lab, RunDirectory]:
        recording = tmp_path / "recording.jsonl"
        rows = ({"tag": tag, "completions": [text]} for tag, text in ANSWERS.items())
        recording.write_text("".join(json.dumps(row) + "\n" for row in rows))
        engine = {"engine": "recorded", "recording": str(recording), "dtype": "auto"}
        recipe = small_recipe(tmp_path, **{"generation": engine, **changes})
        run = RunDirectory.open(recipe, resume=True, facts={})
        started.append(Lab(recipe, run, {POLICY: "none"}, load_splits(recipe), Silent(), iteration=1))
        return started[-1], run

    yield build
    for lab in started:
        lab.close()


def prompts_of(run: RunDirectory, iteration: int = 1) -> dict[str, list[tuple[str, bool]]]:
    """Return the kind of each example in a training set, and whether it is on a repair prompt, by problem."""
    rows = pads.dataset(run.uri(iteration, "training_set")).to_table().to_pylist()
    examples: dict[str, list[tuple[str, bool]]] = {}
    for row in rows:
        examples.setdefault(row["problem_id"], []).append((row["kind"], "# Repair" in row["prompt"]))
    return examples


@pytest.mark.parametrize(
    ("feedback", "attempts", "examples"),
    [
        ("none", 6, {"solution": 1, "reference": 5}),
        pytest.param("simple", 11, {"solution": 1, "repair": 1, "reference": 4}, marks=pytest.mark.long),
        ("full", 11, {"solution": 1, "repair": 1, "reference": 4}),
    ],
)
def test_feedback_decides_what_is_repaired_and_learned(
    build: Build, feedback: Feedback, attempts: int, examples: dict[str, int]
) -> None:
    lab, run = build()
    rollout = lab.rollout(lab.pretrained, feedback)
    assert rollout.splits["train"].attempts == attempts
    assert lab.curate(rollout).counts.examples == examples
    on_repair_prompt = feedback != "none"
    assert prompts_of(run)["own/2"] == [("solution", False)]
    assert prompts_of(run)["own/5"] == [("reference", on_repair_prompt)]


def test_references_are_learned_on_their_first_prompts_without_sampling(build: Build) -> None:
    lab, run = build(algorithm={"type": "finetune"})
    assert lab.references().counts.examples == {"reference": 6}
    assert list(prompts_of(run).values()) == [[("reference", False)]] * 6
    assert not run.storage.exists(run.folder(1, "rollout"))


def test_a_second_round_repairs_the_repair(build: Build) -> None:
    lab, _ = build(rollout={"repair_rounds": 2})
    rollout = lab.rollout(lab.pretrained, "full")
    assert rollout.splits["train"].attempts == 1 + 2 + 4 * 3
    assert rollout.splits["train"].rates["repair@1"] == pytest.approx(3 / 6)
    assert lab.curate(rollout).counts.examples == {"solution": 1, "repair": 2, "reference": 3}


def test_the_curation_stage_applies_the_recipes_options(build: Build) -> None:
    lab, run = build(curation={"reinforce_first_prompt": True, "reference_fallback": False})
    counts = lab.curate(lab.rollout(lab.pretrained, "full")).counts
    assert counts.examples == {"solution": 1, "repair": 1, "repair_on_first_prompt": 1}
    assert prompts_of(run)["own/3"] == [("repair", True), ("repair_on_first_prompt", False)]


@pytest.mark.parametrize(
    ("replay", "replayed"),
    [({}, 2), pytest.param({"strategy": "recency", "size": 1}, 1, marks=pytest.mark.long)],
)
def test_the_replay_buffer_adds_verified_programs_of_earlier_iterations(
    build: Build, replay: dict[str, Any], replayed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, run = build(curation={"replay": replay})
    lab.curate(lab.rollout(lab.pretrained, "full"))
    for tag in (
        "train/own/2/0",
        "train/own/3/1",
    ):  # the second iteration solves other problems than the first
        monkeypatch.setitem(ANSWERS, tag, WRONG)
    for number in (5, 6):
        monkeypatch.setitem(ANSWERS, f"train/own/{number}/0", RIGHT[number])
    again, run = build(curation={"replay": replay})  # resumed, with other answers in stages that are not done
    again.rollout(again.pretrained, "full")
    again.iteration = 2
    counts = again.curate(again.rollout(Weights(checkpoint="none", version=1), "full", "second")).counts
    assert counts.examples["replay"] == replayed
    assert counts.replayed == {"1": replayed}
    assert counts.dropped == ({"replay_size": 1} if replayed == 1 else {})
    assert counts.examples["solution"] == 2
    assert counts.examples["reference"] == 4
    assert prompts_of(run, 2)["own/5"] == [("solution", False)]


def test_another_model_samples_with_its_own_engine_into_rows_of_its_own(tmp_path: Path, build: Build) -> None:
    lab, run = build()
    answers = tmp_path / "teacher.jsonl"
    answers.write_text(json.dumps({"tag": "train/own/5/0", "completions": [RIGHT[5]]}) + "\n" + OTHERS)
    teacher = ModelConfig.model_validate(
        {"model": "none", "generation": {"engine": "recorded", "recording": str(answers), "cpus": 0.5}}
    )
    lab.models["teacher"] = Model("teacher", teacher, "none", [])
    of_policy = lab.rollout(lab.pretrained, "none")
    of_teacher = lab.rollout(lab.models["teacher"].pretrained, "none", "teacher")
    solved = {}
    for attempts in (of_policy, of_teacher):
        rows = read_attempts(run.storage, attempts.folder).to_pylist()
        solved[rows[0]["author"]] = {row["problem_id"] for row in rows if row["status"] == "passed"}
    assert solved == {"policy": {"own/2"}, "teacher": {"own/5"}}
    list(lab.iterations(0))  # records the stages before it
    assert [row.split for row in lab.history.rows] == ["train", "teacher/train"]


def test_a_rollout_with_weights_older_than_the_replicas_is_refused(build: Build) -> None:
    lab, _ = build()
    lab.rollout(Weights(checkpoint="none", version=3), "full")
    with pytest.raises(Exception, match="must not mix versions"):
        lab.rollout(Weights(checkpoint="none", version=2), "full", "again")


def test_a_stage_called_twice_in_an_iteration_needs_distinct_names(build: Build) -> None:
    lab, run = build()
    lab.rollout(lab.pretrained, "none")
    with pytest.raises(ValueError, match="iteration 1 has a stage rollout already"):
        lab.rollout(lab.pretrained, "none")
    second = lab.rollout(lab.pretrained, "none", "more_rollouts")
    assert second.folder == run.folder(1, "more_rollouts")


def test_sampled_tokens_are_kept_where_the_engine_tells_them(tmp_path: Path, ray_session: None) -> None:
    recipe = small_recipe(tmp_path)
    run = RunDirectory.open(recipe, resume=False, facts={})
    lab = Lab(recipe, run, {POLICY: recipe.policy.model}, load_splits(recipe), Silent(), iteration=1)
    try:
        lab.rollout(lab.pretrained, "none", tokens=True)
    finally:
        lab.close()
    rows = read_attempts(run.storage, run.folder(1, "rollout")).to_pylist()
    assert all(len(row["token_ids"]) == len(row["logprobs"]) == row["completion_tokens"] for row in rows)
    assert all(logprob <= 0 for row in rows for logprob in row["logprobs"])


def test_an_engine_that_tells_no_tokens_is_refused_by_an_algorithm_that_needs_them(build: Build) -> None:
    lab, _ = build()
    with pytest.raises(UserError, match="needs the log-probabilities of sampled tokens"):
        lab.rollout(lab.pretrained, "none", tokens=True)


def test_weights_that_were_never_evaluated_cannot_be_the_result(build: Build) -> None:
    lab, _ = build()
    with pytest.raises(ValueError, match="must return weights that it has evaluated"):
        lab.iteration_of(lab.pretrained)
