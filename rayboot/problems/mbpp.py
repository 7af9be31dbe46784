"""MBPP (Austin et al. 2021, arXiv 2108.07732): 974 short Python problems, in `mbpp.jsonl`.

Or the 427 of the sanitized version, in `sanitized-mbpp.json`. MBPP+ (Liu et al. 2023, arXiv 2305.01210) has the
latter's columns on the hub, and more tests.
"""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

from pydantic import AliasChoices, Field

from rayboot.problems.rows import RowModel, problems_from_rows
from rayboot.problems.types import AssertTest, Problem

SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
"""Splits of the paper, by task id."""


def split_of(task_id: str) -> str:
    """Return the paper's split of a task; empty if it has none."""
    return next((split for split, ids in SPLITS.items() if task_id in map(str, ids)), "")


class MbppRow(RowModel):
    """A row. `challenge_test_list` is not read: the paper's own evaluation does not use it."""

    task_id: int
    text: str = Field(validation_alias=AliasChoices("text", "prompt"))
    """`prompt` in the sanitized version."""
    code: str
    test_list: list[str]
    test_setup_code: str = ""
    test_imports: tuple[str, ...] = ()
    """Replaces `test_setup_code` in the sanitized version."""
    test: str = ""
    """MBPP+'s own test, with many inputs; it needs NumPy."""


def load(path: Path) -> list[Problem]:
    """Return all problems of the file. The first test of each is public, the others are hidden."""
    return problems_from_rows(path, MbppRow, to_problem)


def to_problem(
    row: MbppRow, benchmark: str = "mbpp", prefix: str = "MBPP", split: str | None = None
) -> Problem:
    """Convert a row; other benchmarks in the same format pass their own names and split."""
    reference = unix_lines(row.code)
    tests = [
        AssertTest(code=unix_lines(test), public=number == 0) for number, test in enumerate(row.test_list)
    ]
    extra = [AssertTest(code=row.test)] if row.test else []
    return Problem(
        id=f"{prefix}/{row.task_id}",
        benchmark=benchmark,
        split=split_of(str(row.task_id)) if split is None else split,
        statement=unix_lines(row.text).strip(),
        entry_point=called_function(tests[0].code, reference) if tests else "",
        tests=(*tests, *extra),
        setup_code=unix_lines("\n".join([*row.test_imports, row.test_setup_code])),
        references=(reference,),
    )


def called_function(test: str, program: str) -> str:
    """Return the function of `program` that `test` calls; empty if it calls none."""
    try:
        tree = ast.parse(test)
    except SyntaxError as error:
        raise ValueError(f"a test is not Python ({error.msg}): {test!r}") from None
    nodes = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls = [node.id for node in nodes if isinstance(node, ast.Name)]
    defined = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=", program, re.MULTILINE)
    names = {name for match in defined for name in match}
    own = [name for name in calls if name in names]
    others = [name for name in calls if not hasattr(builtins, name)]
    return next(iter(own or others), "")


def unix_lines(text: str) -> str:
    """Return `text` with newlines as line ends: 972 of MBPP's 974 solutions have CRLF, four a stray CR."""
    return re.sub(r"\r+\n|\r", "\n", text)
