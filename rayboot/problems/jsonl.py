"""A user's own problems: a JSON Lines file in the `Problem` schema (docs/problems.md)."""

from __future__ import annotations

from pathlib import Path

from rayboot.problems.rows import problems_from_rows
from rayboot.problems.types import CallTest, Problem


def load(path: Path) -> list[Problem]:
    """Return all problems of the file. Unknown fields are errors."""
    return problems_from_rows(path, Problem, to_problem)


def to_problem(problem: Problem) -> Problem:
    """Return the row, which is the problem, if it can be run."""
    if not problem.entry_point and any(isinstance(test, CallTest) for test in problem.tests):
        raise ValueError("a call test needs entry_point: the function that it calls")
    return problem
