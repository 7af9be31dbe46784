"""APPS (Hendrycks et al. 2021, arXiv 2105.09938): 10,000 Python problems from programming contests.

Read from the original folders, or from JSON Lines with the columns of the hub's data set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from rayboot.errors import UserError
from rayboot.problems.apps_calls import cut_calls, leetcode_examples, printed_calls
from rayboot.problems.apps_examples import cut_examples
from rayboot.problems.apps_tests import MarkedTests, mark_public
from rayboot.problems.rows import Row, RowModel, encodable_rows
from rayboot.problems.types import CallTest, Problem, StdioTest
from rayboot.values import Frozen

SPLITS = ("train", "validation", "test")

PRELUDE = """
import sys, time, itertools, collections, math, fractions, random, heapq, bisect, string, re, functools, operator, copy
import numpy as np
from itertools import accumulate, product, permutations, combinations
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache, reduce
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
from typing import List, Tuple, Dict, Optional, Set
from heapq import heapify, heappop, heappush, heappushpop, heapreplace, merge, nlargest, nsmallest
""".strip()
"""Imports that the official harness puts before each program, and a few of LeetCode and Codewars."""


class AppsRow(RowModel):
    """A row. `solutions` and `input_output` are JSON strings."""

    problem_id: int | str
    question: str
    input_output: str = ""
    """`inputs`, `outputs` and, if a function is called, its name as `fn_name`."""
    solutions: str = ""
    starter_code: str = ""
    difficulty: str = ""
    split: str = ""


class InputOutput(RowModel):
    """The tests of a row."""

    inputs: tuple[Any, ...] = ()
    outputs: tuple[Any, ...] = ()
    fn_name: str | None = None


class StatementExamples(Frozen):
    """Number of examples in a problem's statement, by their relation to the tests: see `MarkedTests`."""

    id: str
    split: str
    public: int
    broken: int
    unknown: int


def load(path: Path) -> list[Problem]:
    """Return all problems with tests, from a JSON Lines file, one problem's folder, or all problem folders in `path`.

    Without a column `split`, the split is that of the file's name, or else of the folder that it is in.

    Raises:
        UserError: The file or folder is missing, or has no problem with tests; or a problem is malformed, or has the id
            of an earlier one.
    """
    problems: dict[str, Problem] = {}
    for row in _rows(path):
        with _naming_row(row):
            problem = to_problem(AppsRow.model_validate(row.data))
        if problem is None:
            continue
        if problem.id in problems:
            raise UserError(f"{row.where}: the id {problem.id} is taken already")
        problems[problem.id] = problem
    if not problems:
        raise UserError(f"{path}: no problem has tests")
    return list(problems.values())


def load_statement_examples(path: Path) -> list[StatementExamples]:
    """Count the examples in the statements of a file or folder, problem by problem.

    Raises:
        UserError: A row is malformed.
    """
    counts = []
    for row in _rows(path):
        with _naming_row(row):
            valid = AppsRow.model_validate(row.data)
            _, public, broken, unknown = _ParsedRow.of(valid).marked
        counts.append(
            StatementExamples(id=_id(valid), split=valid.split, public=public, broken=broken, unknown=unknown)
        )
    return counts


def to_problem(row: AppsRow) -> Problem | None:
    """Convert a row, without the examples in its statement; None if it has no tests, as some rows of APPS."""
    statement, entry_point, marked = _ParsedRow.of(row)
    if not marked.tests:
        return None
    return Problem(
        id=_id(row),
        benchmark="apps",
        split=row.split,
        difficulty=row.difficulty,
        statement=statement,
        starter_code=row.starter_code,
        entry_point=entry_point,
        tests=tuple(marked.tests),
        prelude=PRELUDE,
        references=tuple(_parse_json(row.solutions, "solutions") or ()),
    )


def _id(row: AppsRow) -> str:
    number = str(row.problem_id)
    number = str(int(number)) if number.isdecimal() else number  # folders are named 0001, rows 1
    return "/".join(filter(None, ("APPS", row.split, number)))


class _ParsedRow(NamedTuple):
    """Fields of a problem that depend on both the examples and the tests of its row."""

    statement: str
    entry_point: str
    marked: MarkedTests

    @classmethod
    def of(cls, row: AppsRow) -> _ParsedRow:
        pairs = InputOutput.model_validate(_parse_json(row.input_output, "input_output") or {})
        if len(pairs.inputs) != len(pairs.outputs):
            raise ValueError(f"input_output has {len(pairs.inputs)} inputs, but {len(pairs.outputs)} outputs")
        test_data = list(zip(pairs.inputs, pairs.outputs, strict=True))
        statement, examples = cut_examples(row.question)
        if pairs.fn_name is None:
            stdio = [StdioTest(stdin=_as_text(i), stdout=_as_text(o)) for i, o in test_data]
            return cls(statement, "", mark_public(examples, stdio))
        calls = [*leetcode_examples(examples), *printed_calls(row.question, pairs.fn_name)]
        tests = [CallTest(args=i, expected=o) for i, o in test_data if _fits_json([i, o])]
        return cls(cut_calls(statement, pairs.fn_name), pairs.fn_name, mark_public(calls, tests))


def _as_text(lines: Any) -> str:
    """Return a string as it is, and a list of lines, as in some rows, joined."""
    return "\n".join(map(str, lines)) if isinstance(lines, list) else str(lines)


def _fits_json(data: object) -> bool:
    """Return whether JSON can hold the data: Python writes no integers of more than 4,300 digits."""
    try:
        json.dumps(data)
    except ValueError:
        return False
    return True


def _parse_json(text: str, name: str) -> Any:
    try:
        # int() reads no more than 4,300 digits; lifting that limit would affect the whole process, so Decimal reads
        # them.
        return json.loads(text, parse_int=lambda digits: int(Decimal(digits))) if text.strip() else None
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON ({error})") from None


def _rows(path: Path) -> Iterator[Row]:
    return _folder_rows(path) if path.is_dir() else _file_rows(path)


@contextmanager
def _naming_row(row: Row) -> Iterator[None]:
    """Name the row in errors of the block."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(
            f"{row.where}: {'.'.join(map(str, first['loc'])) or 'input_output'}: {first['msg']}"
        ) from None
    except ValueError as error:
        raise UserError(f"{row.where}: {error}") from None


def _file_rows(path: Path) -> Iterator[Row]:
    split = _split(path)
    for row in encodable_rows(path):
        yield row._replace(data={"split": split, **row.data})


def _folder_rows(path: Path) -> Iterator[Row]:
    """Yield the problem folders as rows: `path` itself, those in it, or those in its folders `train` and `test`."""
    questions = [path / "question.txt"] if (path / "question.txt").exists() else []
    questions = questions or sorted(path.glob("*/question.txt")) or sorted(path.glob("*/*/question.txt"))
    if not questions:
        raise UserError(
            f"{path}: expected folders with question.txt and input_output.json, or a JSON Lines file"
        )
    for number, question in enumerate(questions):
        folder = question.parent
        metadata = _read_json_object(folder / "metadata.json")
        data = {
            "problem_id": folder.resolve().name,
            "question": _read(question),
            "input_output": _read(folder / "input_output.json"),
            "solutions": _read(folder / "solutions.json"),
            "starter_code": _read(folder / "starter_code.py"),
            "difficulty": metadata.get("difficulty", ""),
            "split": _split(folder),
        }
        yield Row(number, str(folder), data)


def _split(path: Path) -> str:
    names = (path.name.partition(".")[0], path.resolve().parent.name)
    return next((name for name in names if name in SPLITS), "")


def _read_json_object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_read(path) or "{}")
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON ({error})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a JSON object")
    return data


def _read(path: Path) -> str:
    """Return the text of a file; empty if the problem has no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
