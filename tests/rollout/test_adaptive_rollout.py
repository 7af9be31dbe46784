"""Rollouts in which an adaptive allocation chooses the next action."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from support.own_problems import RIGHT, WRONG, make_problem
from support.small_runs import small_recipe

from rayboot.attempts import Step
from rayboot.config import POLICY, RolloutConfig
from rayboot.problems import load_problems
from rayboot.rollout import AdaptiveAllocation, Arms, learned_arms, read_attempts
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Silent
from rayboot.storage import RunDirectory

SYNTAX = "def f(x) return x"


def after(status: str, *, repaired: int, sampled: int) -> list[list[Step]]:
    """Return histories with 50 repairs and 50 new samples after such a failure, of which these numbers pass."""
    before = Step(round=0, status=status, failing_test=0, prompt_tokens=10, completion_tokens=10)
    return [
        [
            before,
            before.model_copy(update={"round": round, "status": "passed" if number < passing else status}),
        ]
        for round, passing in ((1, repaired), (0, sampled))
        for number in range(50)
    ]


ARMS = Arms.learned(
    [*after("syntax_error", repaired=49, sampled=1), *after("failed", repaired=0, sampled=25)]
)


def test_the_allocation_chooses_the_action_after_each_failure_until_a_program_passes(stream) -> None:
    answers = {
        "train/own/2/0": [RIGHT.format(n=2)],
        "train/own/3/0": [WRONG.format(n=3)],
        "train/own/3/0/1": [SYNTAX],
        "train/own/3/1": [RIGHT.format(n=3)],
    }
    allocation = AdaptiveAllocation(ARMS)
    streamed = stream(
        [make_problem(2), make_problem(3)], answers, samples=3, repair_rounds=2, allocation=allocation
    )
    assert [(a.attempt_id, a.parent_id, a.status) for a in streamed.attempts] == [
        ("train/own/2/0/0", None, "passed"),
        ("train/own/3/0/0", None, "failed"),
        ("train/own/3/1/0", None, "syntax_error"),
        ("train/own/3/1/1", "train/own/3/1/0", "passed"),
    ]
    assert [a.rollout_size for a in streamed.attempts] == [1, 3, 3, 3]


def test_samples_and_rounds_are_upper_limits(stream) -> None:
    answers = {f"train/own/3/{tag}": [WRONG.format(n=3)] for tag in ("0", "0/1", "0/2", "1", "2")}
    every = stream([make_problem(3)], answers, samples=3, repair_rounds=1, allocation=AdaptiveAllocation())
    assert len({a.sample for a in every.attempts}) == 3
    assert max(a.round for a in every.attempts) <= 1


def test_a_problem_with_too_low_a_yield_is_stopped(stream) -> None:
    strict = AdaptiveAllocation(ARMS, min_yield=1000.0)
    answers = {"train/own/3/0": [WRONG.format(n=3)]}
    streamed = stream([make_problem(3)], answers, samples=3, allocation=strict)
    assert [a.attempt_id for a in streamed.attempts] == ["train/own/3/0/0"]


def test_arms_are_learned_from_a_rollout(stream) -> None:
    answers = {"train/own/3/0": [WRONG.format(n=3)], "train/own/3/1": [RIGHT.format(n=3)]}
    streamed = stream([make_problem(3)], answers)
    arms = learned_arms(streamed.storage, "rollout")
    assert (arms.counts["repair",].trials, arms.counts["repair",].passed) == (1, 1)
    assert ("sample",) not in arms.counts


@pytest.mark.long
def test_a_recipe_makes_its_rollouts_adaptive(tmp_path: Path, ray_session: None) -> None:
    rollout = {"repair": "adaptive", "samples": 3, "temperature": 1.0, "max_problem_tokens": 400}
    recipe = small_recipe(tmp_path, rollout=rollout)
    run = RunDirectory.open(recipe, resume=False, facts={})
    train = load_problems(recipe.problems.train)
    problems = {"train": train, "validation": [], "test": [], "few_shot": []}
    lab = Lab(recipe, run, {POLICY: recipe.policy.model}, problems, Silent())
    try:
        for _ in lab.iterations(2):
            lab.rollout(lab.pretrained, "full")
    finally:
        lab.close()
    for iteration in (1, 2):
        rows = read_attempts(run.storage, run.folder(iteration, "rollout")).to_pylist()
        costs = {problem.id: 0 for problem in train}
        for row in rows:
            costs[row["problem_id"]] += row["prompt_tokens"] + row["completion_tokens"]
        assert all(0 < cost <= 600 for cost in costs.values())
        assert len(rows) > len(train)


@pytest.mark.parametrize("option", ["max_problem_tokens", "min_yield"])
def test_limits_of_the_adaptive_allocation_need_it(option: str) -> None:
    with pytest.raises(ValidationError, match=f"{option} needs repair: adaptive"):
        RolloutConfig.model_validate({option: 100})
