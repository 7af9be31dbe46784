"""APPS (Hendrycks et al. 2021, arXiv 2105.09938): 10,000 Python problems from programming contests.

Read from the original folders, or from JSON Lines with the columns of the hub's data set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rayboot.errors import UserError
from rayboot.problems.apps_examples import publish_examples
from rayboot.problems.rows import Row, RowModel, read_rows
from rayboot.problems.types import CallTest, Problem, StdioTest, Test

SPLITS = ("train", "validation", "test")


class AppsRow(RowModel):
    """A row; `solutions` and `input_output` are JSON texts."""

    problem_id: int | str
    question: str
    input_output: str = ""
    """`inputs`, `outputs` and, where a function is called, its name as `fn_name`."""
    solutions: str = ""
    starter_code: str = ""
    difficulty: str = ""
    split: str = ""


class InputOutput(RowModel):
    """The tests of a row."""

    inputs: tuple[Any, ...] = ()
    outputs: tuple[Any, ...] = ()
    fn_name: str | None = None


def load(path: Path) -> list[Problem]:
    """All problems that have tests: of a JSON Lines file, of one problem's folder, or of all problem folders in `path`.

    Where no column `split` says it, the split is that of the file's name, or else of the folder that it is in.

    Raises:
        UserError: The file or folder is missing, or holds no problem with tests; or a problem is malformed, or has an
            id that an earlier one has.
    """
    problems: dict[str, Problem] = {}
    for row in _folder_rows(path) if path.is_dir() else _file_rows(path):
        problem = _problem(row)
        if problem is None:
            continue
        if problem.id in problems:
            raise UserError(f"{row.where}: the id {problem.id} is taken already")
        problems[problem.id] = problem
    if not problems:
        raise UserError(f"{path}: no problem has tests")
    return list(problems.values())


def to_problem(row: AppsRow) -> Problem | None:
    """A row as a problem; None if it has no tests, as some rows of APPS."""
    pairs = InputOutput.model_validate(_parsed(row.input_output, "input_output") or {})
    tests = _tests(pairs, row.question)
    if not tests:
        return None
    number = str(row.problem_id)
    number = str(int(number)) if number.isdecimal() else number  # folders have 0001, rows 1
    return Problem(
        id="/".join(filter(None, ("APPS", row.split, number))),
        benchmark="apps",
        split=row.split,
        difficulty=row.difficulty,
        statement=row.question.strip(),
        starter_code=row.starter_code,
        entry_point=pairs.fn_name or "",
        tests=tuple(tests),
        references=tuple(_parsed(row.solutions, "solutions") or ()),
    )


def _tests(pairs: InputOutput, statement: str) -> Sequence[Test]:
    if len(pairs.inputs) != len(pairs.outputs):
        raise ValueError(f"input_output has {len(pairs.inputs)} inputs, but {len(pairs.outputs)} outputs")
    both = list(zip(pairs.inputs, pairs.outputs, strict=True))
    if pairs.fn_name is None:
        return publish_examples(statement, [StdioTest(stdin=_text(i), stdout=_text(o)) for i, o in both])
    return [CallTest(args=i, expected=o) for i, o in both if _is_portable([i, o])]


def _text(lines: Any) -> str:
    """Some rows have a list of lines in place of a text."""
    return "\n".join(map(str, lines)) if isinstance(lines, list) else str(lines)


def _is_portable(data: object) -> bool:
    """Whether JSON can carry it on: Python writes no integers of more than 4,300 digits."""
    try:
        json.dumps(data)
    except ValueError:
        return False
    return True


def _parsed(text: str, name: str) -> Any:
    try:
        # A detour: int() reads no more than 4,300 digits, and lifting that limit would lift it for everyone.
        return json.loads(text, parse_int=lambda digits: int(Decimal(digits))) if text.strip() else None
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON ({error})") from None


def _problem(row: Row) -> Problem | None:
    try:
        return to_problem(AppsRow.model_validate(row.data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(
            f"{row.where}: {'.'.join(map(str, first['loc'])) or 'input_output'}: {first['msg']}"
        ) from None
    except ValueError as error:
        raise UserError(f"{row.where}: {error}") from None


def _file_rows(path: Path) -> Iterator[Row]:
    split = _split(path)
    for row in read_rows(path):
        yield row._replace(data={"split": split, **row.data})


def _folder_rows(path: Path) -> Iterator[Row]:
    """The problem folders as rows: `path` itself, those in it, or those in its folders `train` and `test`."""
    questions = [path / "question.txt"] if (path / "question.txt").exists() else []
    questions = questions or sorted(path.glob("*/question.txt")) or sorted(path.glob("*/*/question.txt"))
    if not questions:
        raise UserError(
            f"{path}: expected folders with question.txt and input_output.json, or a JSON Lines file"
        )
    for number, question in enumerate(questions):
        folder = question.parent
        metadata = _object(folder / "metadata.json")
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


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_read(path) or "{}")
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not JSON ({error})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a JSON object")
    return data


def _read(path: Path) -> str:
    """The text of a file, or nothing where the problem has no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
