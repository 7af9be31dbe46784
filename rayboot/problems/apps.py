"""APPS (Hendrycks et al. 2021, arXiv 2105.09938): 10,000 Python problems from programming contests.

Read from the original folders, or from JSON Lines with the columns of the hub's data set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

from rayboot.errors import UserError
from rayboot.problems.apps_calls import cut_calls, leetcode_examples, printed_calls
from rayboot.problems.apps_examples import cut_examples, possible_outputs
from rayboot.problems.rows import Row, RowModel, converted, encodable_rows, read_text, with_unique_ids
from rayboot.problems.types import CallTest, Problem, StdioTest, Test
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

TestType = TypeVar("TestType", StdioTest, CallTest)


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

    inputs: tuple[object, ...] = ()
    outputs: tuple[object, ...] = ()
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

    Without a column `split`, the split is that of the file's name, or else of the folder that it is in. Raise UserError
    if there are no problems with tests, one is malformed, or two have one id.
    """
    rows = converted(_rows(path), AppsRow, to_problem)
    problems = with_unique_ids((row, problem) for row, problem in rows if problem)
    if not problems:
        raise UserError(f"{path}: no problem has tests")
    return problems


def load_statement_examples(path: Path) -> list[StatementExamples]:
    """Count the examples in the statements of a file or folder, problem by problem."""
    return [counts for _, counts in converted(_rows(path), AppsRow, _count_examples)]


def _count_examples(row: AppsRow) -> StatementExamples:
    _, public, broken, unknown = _parse(row)[2]
    return StatementExamples(id=_id(row), split=row.split, public=public, broken=broken, unknown=unknown)


def to_problem(row: AppsRow) -> Problem | None:
    """Convert a row, without the examples in its statement; None if it has no tests, as some rows of APPS."""
    statement, entry_point, marked = _parse(row)
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
        tests=marked.tests,
        prelude=PRELUDE,
        references=_parse_json(row.solutions, "solutions") or (),
    )


def _id(row: AppsRow) -> str:
    number = str(row.problem_id)
    number = str(int(number)) if number.isdecimal() else number  # folders are named 0001, rows 1
    return "/".join(filter(None, ("APPS", row.split, number)))


class MarkedTests(NamedTuple):
    """Tests, and the number of examples by their relation to them.

    Feedback shows examples that are tests. Other examples are not used.
    """

    tests: tuple[Test, ...]
    public: int
    """Tests that are examples."""
    broken: int
    """Examples with the input of a test and another output."""
    unknown: int
    """Examples whose input is not a test's."""


def _parse(row: AppsRow) -> tuple[str, str, MarkedTests]:
    """Return statement, entry point and tests, which depend on one another."""
    parsed = _parse_json(row.input_output, "input_output") or {}
    if not isinstance(parsed, dict):
        raise ValueError("input_output: expected a JSON object")
    pairs = InputOutput.model_validate(parsed)
    if len(pairs.inputs) != len(pairs.outputs):
        raise ValueError(f"input_output has {len(pairs.inputs)} inputs, but {len(pairs.outputs)} outputs")
    test_data = list(zip(pairs.inputs, pairs.outputs, strict=True))
    statement, examples = cut_examples(row.question)
    if pairs.fn_name is None:
        stdio = [StdioTest(stdin=_as_text(i), stdout=_as_text(o)) for i, o in test_data]
        shown = [(example.input.split(), possible_outputs(example.output)) for example in examples]
        marked = _mark_public(stdio, shown, lambda test: test.stdin.split(), lambda test: test.stdout.split())
        return statement, "", marked
    calls = [CallTest(args=i, expected=o) for i, o in test_data if _fits_json([i, o])]
    printed = [*leetcode_examples(examples), *printed_calls(row.question, pairs.fn_name)]
    # Some tests wrap the result in a list.
    returned = [(call.args, [call.result, [call.result]]) for call in printed]
    marked = _mark_public(calls, returned, lambda test: list(test.args), lambda test: test.expected)
    return cut_calls(statement, pairs.fn_name), pairs.fn_name, marked


def _mark_public(
    tests: Sequence[TestType],
    examples: Sequence[tuple[object, Sequence[object]]],
    input_of: Callable[[TestType], object],
    output_of: Callable[[TestType], object],
) -> MarkedTests:
    """Return `tests`, where those that are examples are public.

    The verdict depends on all tests and on no other example, so a broken or misread example fails no correct program.
    `examples` are the input and the possible outputs of each example.
    """
    public: set[int] = set()
    broken = unknown = 0
    for given, outputs in examples:
        same_input = [n for n, test in enumerate(tests) if input_of(test) == given]
        same = [n for n in same_input if output_of(tests[n]) in outputs]
        public.update(same[:1])
        broken += bool(same_input) and not same
        unknown += not same_input
    marked: tuple[Test, ...] = tuple(
        test.model_copy(update={"public": n in public}) for n, test in enumerate(tests)
    )
    return MarkedTests(marked, len(public), broken, unknown)


def _as_text(lines: object) -> str:
    """Return a string as it is, and a list of lines, as in some rows, joined."""
    return "\n".join(map(str, lines)) if isinstance(lines, list) else str(lines)


def _fits_json(data: object) -> bool:
    """Return whether JSON can hold the data: Python writes no integers of more than 4,300 digits."""
    try:
        json.dumps(data)
    except ValueError:
        return False
    return True


def _parse_json(text: str, name: str) -> object:
    """Return the data in a field; None if the field is empty."""
    try:
        # Decimal, as int() reads at most 4,300 digits, and lifting that limit would affect the whole process.
        return json.loads(text, parse_int=lambda digits: int(Decimal(digits))) if text.strip() else None
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON ({error})") from None


def _rows(path: Path) -> Iterator[Row]:
    if path.is_dir():
        yield from _folder_rows(path)
        return
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


def _read_json_object(path: Path) -> dict[str, object]:
    try:
        data = json.loads(_read(path) or "{}")
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON ({error})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a JSON object")
    return data


def _read(path: Path) -> str:
    """Return the text of a file; empty if the problem has no such file."""
    return read_text(path) if path.exists() else ""
