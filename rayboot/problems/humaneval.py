"""HumanEval (Chen et al. 2021, arXiv 2107.03374): 164 Python functions to complete, in `HumanEval.jsonl.gz`.

HumanEval+ (Liu et al. 2023, arXiv 2305.01210) has the same columns on the hub; its tests need NumPy.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from rayboot.problems.rows import RowModel, problems_from_rows
from rayboot.problems.types import AssertTest, Problem


class HumanEvalRow(RowModel):
    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str = ""
    test: str


def load(path: Path) -> list[Problem]:
    """Return all problems of the file. The hidden test is `check`; examples of the docstring are public tests."""
    return problems_from_rows(path, HumanEvalRow, to_problem)


def to_problem(row: HumanEvalRow) -> Problem:
    """Convert a row. The program continues the starter code, which is the prompt."""
    public = [
        AssertTest(code=code, public=True) for code in example_asserts(row.prompt, row.test, row.entry_point)
    ]
    hidden = AssertTest(code=f"{row.test.strip()}\n\ncheck({row.entry_point})")
    return Problem(
        id=row.task_id,
        benchmark="humaneval",
        statement=_docstring(row),
        starter_code=row.prompt,
        entry_point=row.entry_point,
        tests=(*public, hidden),
        setup_code=helpers(row.prompt, row.test, row.entry_point),
        references=(row.prompt + row.canonical_solution,) if row.canonical_solution else (),
    )


def helpers(prompt: str, test: str, entry_point: str) -> str:
    """Return the prompt's functions that the test calls, as set-up code.

    A program's own versions of them must not affect the test.
    """
    try:
        body, tree = ast.parse(prompt).body, ast.parse(test)
    except SyntaxError:
        return ""
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {entry_point}
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in called]
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in (*imports, *functions)) if functions else ""


def example_asserts(prompt: str, test: str, entry_point: str) -> list[str]:
    """Return the docstring's examples as asserts, in order, if `check` asserts them too.

    A wrong, inexact or misread example can therefore not fail a program that passes the official test.
    """
    checked = {ast.dump(each).replace("'candidate'", repr(entry_point)) for each in asserted(test)}
    asserts: dict[str, str] = {}
    for call, value in _examples(prompt, entry_point):
        code = f"assert {call} == {value}"
        for each in asserted(code):
            if ast.dump(each) in checked:
                asserts.setdefault(ast.dump(each), code)
    return list(asserts.values())


def _examples(prompt: str, entry_point: str) -> Iterator[tuple[str, str]]:
    """Yield call and value of everything that looks like an example: `f(1) == 2`, or a doctest with the value below."""
    one_line = re.compile(rf"\b({re.escape(entry_point)}\(.*\))\s*(?:==|=>|->|➞|➡|=)\s*(.+)$")
    lines = prompt.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if match := one_line.search(line):
            yield match[1].strip(), match[2].strip()
        elif line.strip().startswith(">>>"):
            yield line.strip()[3:].strip(), below.strip()


def asserted(code: str) -> list[ast.expr]:
    """Return the expressions of the assert statements in Python code; an empty list if the code is not Python."""
    try:
        return [node.test for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assert)]
    except (SyntaxError, ValueError):
        return []


def _docstring(row: HumanEvalRow) -> str:
    """Return the first string in the function's body, the task (an import precedes it in HumanEval/115)."""
    try:
        functions = [node for node in ast.parse(row.prompt).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError as error:
        raise ValueError(f"prompt is not Python: {error.msg}") from None
    for node in next((f.body for f in functions if f.name == row.entry_point), []):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                return "\n".join(line.strip() for line in text.strip().splitlines())
    raise ValueError(f"prompt defines no function {row.entry_point} with a docstring")
