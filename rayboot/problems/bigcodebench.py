"""BigCodeBench (Zhuo et al. 2024, arXiv 2406.15877): 1,140 Python tasks that use many libraries.

The file is `BigCodeBench.jsonl.gz`. The tests use `unittest`, and run in the judge's process: docs/benchmarks-data.md
lists what that cannot do.
"""

from __future__ import annotations

import ast
from pathlib import Path

from rayboot.problems.rows import RowModel, problems_from_rows
from rayboot.problems.types import AssertTest, Problem

# As in the official harness, which reads no other class. Here the first failure is raised, so that it is reported.
_RUN = "import unittest\nunittest.defaultTestLoader.loadTestsFromTestCase(TestCases).debug()"


class BigCodeBenchRow(RowModel):
    task_id: str
    complete_prompt: str
    instruct_prompt: str
    canonical_solution: str
    test: str
    entry_point: str


def load(path: Path) -> list[Problem]:
    """Return all problems of the file. All tests are hidden."""
    return problems_from_rows(path, BigCodeBenchRow, to_problem)


def to_problem(row: BigCodeBenchRow) -> Problem:
    """Convert a row. The program continues the starter code, which is the prompt to complete."""
    return Problem(
        id=row.task_id,
        benchmark="bigcodebench",
        statement=row.instruct_prompt.strip(),
        starter_code=row.complete_prompt,
        entry_point=row.entry_point,
        tests=(AssertTest(code=f"{_imports(row.complete_prompt)}\n{row.test.strip()}\n\n{_RUN}"),),
        references=(row.complete_prompt + row.canonical_solution,),
    )


def _imports(prompt: str) -> str:
    """Return the prompt's imports, which tests use too: in the official harness program and tests are one module."""
    try:
        body = ast.parse(prompt).body
    except SyntaxError as error:
        raise ValueError(f"complete_prompt is not Python: {error.msg}") from None
    return "\n".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))
