"""JSON Lines files, plain or gzipped, read row by row, with errors that name the file and the line."""

from __future__ import annotations

import difflib
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rayboot.errors import UserError
from rayboot.problems.types import Problem

GZIP_MAGIC = b"\x1f\x8b"


class Row(NamedTuple):
    """One JSON object of a file. Blank lines are no rows."""

    number: int
    """0-based, in the file."""
    where: str
    """File and 1-based line, for messages."""
    data: dict[str, Any]


class RowModel(BaseModel):
    """The fields of a benchmark's row that are read; others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


RowType = TypeVar("RowType", bound=BaseModel)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file.

    Raises:
        UserError: The file is missing, truncated or empty, or a line is not a JSON object.
    """
    rows = 0
    for line_number, line in enumerate(_lines(path), start=1):
        if line.strip():
            where = f"{path} line {line_number}"
            yield Row(rows, where, _object(line, where))
            rows += 1
    if rows == 0:
        raise UserError(f"{path} is empty: expected one JSON object a line")


def problems_from_rows(
    path: Path, row_type: type[RowType], to_problem: Callable[[RowType], Problem]
) -> list[Problem]:
    """The problems of a file with one problem a row.

    Raises:
        UserError: As `read_rows`; and for a row with missing or wrong fields, without tests, or with an id that an
            earlier row has.
    """
    lines_by_id: dict[str, str] = {}
    problems = []
    for row in read_rows(path):
        try:
            problem = to_problem(row_type.model_validate(row.data))
        except ValidationError as error:
            raise UserError(f"{row.where}: {_describe(error, row_type)}") from None
        except ValueError as error:
            raise UserError(f"{row.where}: {error}") from None
        if earlier := lines_by_id.get(problem.id):
            raise UserError(f"{row.where}: the id {problem.id} is taken already by {earlier}")
        lines_by_id[problem.id] = row.where
        problems.append(problem)
    return problems


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            yield from _unpacked(file) if packed else file
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: expected a JSON Lines file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is truncated or damaged: {error}. Download it again") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    with gzip.open(file) as unpacked:
        yield from unpacked


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        data = json.loads(line.strip())
    except UnicodeDecodeError:
        raise UserError(f"{where} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where} is not JSON ({error.msg}, column {error.colno}): is the file cut off?"
        ) from None
    if not isinstance(data, dict):
        raise UserError(f"{where} is not a JSON object: expected one between braces")
    return data


def _describe(error: ValidationError, row_type: type[BaseModel]) -> str:
    """The first error of a row, in words."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    if field in ("tests", "test_list") and first["type"] == "too_short":
        return "the problem has no tests"
    if first["type"] == "missing":
        return f"the field {field} is missing"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, row_type.model_fields, n=1)
        return f"unknown field {field}" + (f": did you mean {near[0]}?" if near else "")
    return f"{field}: {first['msg']}" if field else str(first["msg"])
