"""`rayboot replay show` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.own_attempts import own_attempt
from support.small_runs import problem

from rayboot.attempts import Attempt, attempts_table
from rayboot.cli.app import app
from rayboot.config import Recipe
from rayboot.errors import UserError
from rayboot.storage import RunDirectory

PROGRAM = "def f(x):\n    return 3 * x"


def show(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rayboot", "replay", "show", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def attempt(iteration: int, number: int, status: str, round: int = 0, program: str = PROGRAM) -> Attempt:
    return own_attempt(number, iteration, status, round, program=program)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Write a run with two iterations: 2 is solved in both, 3 by a repair in the first, 4 never."""
    recipe = Recipe.model_validate(
        {
            "name": "run",
            "runs": str(tmp_path),
            "problems": {"train": "quickstart/train", "validation": "quickstart/validation"},
            "policy": {"model": "quickstart"},
            "curation": {"replay": {"strategy": "hardest", "size": 5}},
        }
    )
    by_iteration: dict[int, list[Attempt]] = {
        1: [
            attempt(1, 2, "passed"),
            attempt(1, 3, "failed"),
            attempt(1, 3, "passed", 1),
            attempt(1, 4, "failed"),
        ],
        2: [
            attempt(2, 2, "passed", program=PROGRAM + "  # again"),
            attempt(2, 3, "error"),
            attempt(2, 4, "failed"),
        ],
    }
    directory = RunDirectory.open(recipe, resume=False, facts={})
    for iteration, attempts in by_iteration.items():

        def write(folder: str, attempts: list[Attempt] = attempts) -> dict[str, Any]:
            pq.write_table(attempts_table(attempts), directory.storage.path(f"{folder}/part.parquet"))
            return {}

        directory.once(iteration, "rollout", write)
    directory.once(2, "training_set", lambda folder: {"examples": {}, "replayed": {"1": 1}, "dropped": {}})
    return tmp_path / "run"


def cells(text: str) -> list[list[str]]:
    """Return the words of every line of a table."""
    return [line.replace("│", " ").split() for line in text.splitlines()]


def test_the_buffer_is_shown_by_iteration_and_kind_with_the_limits_of_replay(run: Path) -> None:
    done = show(run)
    assert done.returncode == 0, done.stderr
    rows = cells(done.stdout)
    assert ["1", "solution", "3", "1", "33.3%", "1", "1", "1"] in rows
    assert ["1", "repair", "1", "1", "100.0%", "1", "1", "1"] in rows
    assert ["2", "solution", "3", "1", "33.3%", "1", "0", "1"] in rows
    assert "2 distinct programs; 2 of 3 problems are solved" in done.stdout
    assert "strategy hardest, at most 5 examples of 2 programs" in done.stdout
    assert "iteration 2 replayed 1 of at most 5: 1 of iteration 1" in done.stdout
    hardest = [row for row in rows if row and row[0].startswith("own/")]
    assert hardest == [["own/3", "33.3%", "1"], ["own/2", "100.0%", "1"]]


def test_each_program_of_a_problem_is_printed_once(run: Path) -> None:
    done = show(run, "--problem", "2")
    assert done.returncode == 0, done.stderr
    assert "own/2: 2 verified programs" in done.stdout
    assert done.stdout.count("return 3 * x") == 1
    assert "iteration 2, sample 0, round 0: the same as iteration 1, sample 0, round 0" in done.stdout


def test_a_user_error_names_what_is_wrong(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    new = tmp_path / "new"
    (new / "iterations").mkdir(parents=True)
    (new / "recipe.yaml").write_text((run / "recipe.yaml").read_text())
    other = tmp_path / "other"
    (other / "iterations").mkdir(parents=True)
    (other / "recipe.yaml").write_text(json.dumps(problem(1)))
    for arguments, message in (
        ([tmp_path / "nowhere"], "is not a run directory"),
        ([tmp_path / "empty"], "is not a run directory"),
        ([new], "no finished rollout"),
        ([other], "the recipe is not valid"),
        ([run, "--problem", "99"], "no attempt on a problem 99; its ids are like own/2"),
        ([run, "--problem", "own/4"], "was attempted and never solved"),
    ):
        with pytest.raises(UserError, match=message):
            app(["replay", "show", *map(str, arguments)], standalone_mode=False)
