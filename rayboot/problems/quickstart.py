"""The packaged problems of the quickstart, in MBPP's format with a `split` in each row."""

from __future__ import annotations

from importlib.resources import as_file, files

from rayboot.problems.mbpp import MbppRow
from rayboot.problems.mbpp import to_problem as mbpp_problem
from rayboot.problems.rows import problems_from_rows
from rayboot.problems.types import Problem


class QuickstartRow(MbppRow):
    split: str


def packaged() -> list[Problem]:
    """Return all problems of the packaged file. The first test of each is public, the others are hidden."""
    with as_file(files("rayboot.recipes") / "quickstart" / "problems.jsonl") as path:
        return problems_from_rows(path, QuickstartRow, to_problem)


def to_problem(row: QuickstartRow) -> Problem:
    """Convert a row."""
    return mbpp_problem(row, benchmark="quickstart", prefix="quickstart", split=row.split)
