from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from make_problems import PROBLEMS, SPLITS, draw_rows

from rayboot.problems import Problem
from rayboot.problems.quickstart import packaged
from rayboot.sandbox.sandbox import Job, Sandbox

MBPP_FIELDS = {"text", "code", "task_id", "test_setup_code", "test_list", "challenge_test_list"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in PROBLEMS.read_text(encoding="utf-8").splitlines()]


def of_split(rows: list[dict[str, Any]], split: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["split"] == split]


def body(row: dict[str, Any]) -> str:
    """The solution without its first line, which has the function's name."""
    return row["code"].split("\n", 1)[1]


def normalised(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def test_the_packaged_file_is_what_the_script_writes(rows: list[dict[str, Any]]) -> None:
    assert draw_rows() == rows


def test_rows_have_the_fields_of_mbpp_and_a_split(rows: list[dict[str, Any]]) -> None:
    assert all(row.keys() == MBPP_FIELDS | {"split"} for row in rows)
    assert {split: len(of_split(rows, split)) for split in SPLITS} == SPLITS


def test_every_problem_has_at_least_three_different_asserts(rows: list[dict[str, Any]]) -> None:
    assert all(len(set(row["test_list"])) >= 3 for row in rows)


def test_every_reference_passes_in_the_sandbox_and_a_missing_step_is_noticed() -> None:
    problems = packaged()
    right = [job(problem, problem.references[0]) for problem in problems]
    shorter = [job(problem, program) for problem in problems for program in without_one_line(problem)]
    with Sandbox() as sandbox:
        assert all(verdict.passed for verdict in sandbox.run_many(right))
        unnoticed = sum(verdict.passed for verdict in sandbox.run_many(shorter))
    assert unnoticed <= 0.02 * len(
        shorter
    )  # a few problems have a step that changes nothing, such as sorting a dict's keys


def job(problem: Problem, program: str) -> Job:
    return Job(program=program, tests=problem.tests, entry_point=problem.entry_point)


def without_one_line(problem: Problem) -> list[str]:
    """The solution without one of its steps, the one that returns excepted."""
    lines = problem.references[0].split("\n")
    return ["\n".join(lines[:i] + lines[i + 1 :]) for i in range(1, len(lines) - 1)]


@pytest.mark.parametrize(("one", "other"), combinations(SPLITS, 2))
def test_splits_share_no_id_statement_or_solution(rows: list[dict[str, Any]], one: str, other: str) -> None:
    ours, theirs = of_split(rows, one), of_split(rows, other)
    for key in (lambda row: row["task_id"], lambda row: normalised(row["text"]), body):
        assert not {key(row) for row in ours} & {key(row) for row in theirs}
