"""Problems that two sets share."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.small_runs import small_recipe

from rayboot.errors import UserError
from rayboot.problems import AssertTest, Overlap, Problem, find_overlaps
from rayboot.runs.launch import load_splits


def problem(number: int, statement: str, solution: str, *tests: str) -> Problem:
    return Problem(
        id=f"x/{number}",
        benchmark="x",
        statement=statement,
        tests=tuple(AssertTest(code=test, public=i == 0) for i, test in enumerate(tests)),
        references=(solution,),
    )


TRAIN = problem(1, "Double it.", "def f(x):\n    return 2*x", "assert f(1) == 2", "assert f(2) == 4")


def test_the_same_id_is_found() -> None:
    other = problem(1, "Halve it.", "def f(x):\n    return x/2", "assert f(2) == 1")
    assert find_overlaps([TRAIN], [other]) == [Overlap(same="id", train_id="x/1", test_id="x/1")]


def test_the_same_statement_and_tests_are_found_whatever_their_case_space_and_order() -> None:
    other = problem(2, " double  IT.", "def f(x):\n    return x + x", "assert f(2)  == 4", "assert f(1) == 2")
    assert [found.same for found in find_overlaps([TRAIN], [other])] == ["statement and tests"]


def test_the_same_statement_and_solution_are_found_whatever_the_comments() -> None:
    other = problem(2, "Double it.", "def f(x):  # twice\n\n    return 2 * x\n", "assert f(9) == 18")
    assert find_overlaps([TRAIN], [other]) == [
        Overlap(same="statement and solution", train_id="x/1", test_id="x/2")
    ]


def test_a_statement_alone_or_a_solution_alone_is_not_shared() -> None:
    same_statement = problem(2, "Double it.", "def f(x):\n    return x + x", "assert f(9) == 18")
    same_solution = problem(
        3, "Multiply by two.", TRAIN.references[0], "assert f(1) == 2", "assert f(2) == 4"
    )
    assert find_overlaps([TRAIN], [same_statement, same_solution]) == []


def test_tests_and_solutions_are_read_only_of_problems_with_the_same_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems = [
        problem(n, f"Multiply by {n}.", f"def f(x):\n    return {n}*x", "assert f(1)") for n in range(9)
    ]
    read: list[object] = []
    monkeypatch.setattr(ast, "parse", read.append)
    monkeypatch.setattr(AssertTest, "model_dump_json", read.append)
    assert find_overlaps(problems[:5], problems[5:]) == []
    assert read == []


def test_a_recipe_s_sets_that_share_problems_are_refused_or_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = small_recipe(tmp_path)
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    first_row = train.read_text().splitlines()[0]
    load_splits(recipe)
    assert not caplog.records

    test.write_text(first_row.replace("own/2", "other/2"))
    load_splits(recipe)
    assert (
        "1 problems of problems.train are those of problems.test under another id, such as own/2 and other/2"
        in caplog.text
    )

    test.write_text(first_row)
    with pytest.raises(
        UserError, match=r"problems.train .* and problems.test .* share 1 problems, such as own/2"
    ):
        load_splits(recipe)
