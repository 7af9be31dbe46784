"""Rows of a file and their conversion to problems, with errors that name file and line."""

from __future__ import annotations

import difflib
import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, dropwhile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rayboot.errors import UserError

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"
"""Byte order mark, which editors on Windows put before UTF-8."""
_BATCH = 256
"""Rows of a Parquet file to read at once: some rows of APPS have 100 MB of tests."""


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a file, each with its location for messages: file and 1-based line, item or row.

    Raises:
        UserError: The file is missing, damaged or empty, or has a value that is not an object.
    """
    try:
        found = False
        for where, data in _objects(path):
            if not isinstance(data, dict):
                raise UserError(f"{where} is not a JSON object: expected one between braces")
            found = True
            yield where, data
        if not found:
            raise UserError(f"{path} is empty: expected one JSON object per line")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: expected a JSON Lines file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is truncated or damaged ({error}): download it again") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _objects(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == _PARQUET:
            yield from _read_parquet(path)
        elif start.startswith(_GZIP):
            with gzip.open(file) as unpacked:
                yield from _read_json(path, unpacked)
        else:
            yield from _read_json(path, file)


def _read_json(path: Path, file: BinaryIO | gzip.GzipFile) -> Iterator[tuple[str, Any]]:
    """Yield the values of the lines, or, if the first one begins with a bracket, the items of one array."""
    start = file.readline().removeprefix(_BOM)
    rest = dropwhile(lambda line: not line[1].strip(), enumerate(chain([start], file), start=1))
    first = next(rest, (0, b""))
    lines = chain([first], rest)
    if first[1].lstrip().startswith(b"["):
        items = _parse_json(b"".join(line for _, line in lines), str(path))
        yield from ((f"{path} item {number}", item) for number, item in enumerate(items, start=1))
        return
    for number, line in lines:
        if line.strip():
            where = f"{path} line {number}"
            yield where, _parse_json(line.strip(), where)


def _parse_json(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{where} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where} is not JSON ({error.msg}, column {error.colno}): is the file cut off?"
        ) from None
    except ValueError:  # too long an integer for Python
        raise UserError(
            f"{where} has an integer of more than {sys.get_int_max_str_digits()} digits: write it as a string"
        ) from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply") from None


def _read_parquet(path: Path) -> Iterator[tuple[str, Any]]:
    from pyarrow import ArrowException, parquet  # imported here: it is slow, and most runs read JSON

    try:
        with parquet.ParquetFile(path) as file:
            rows = chain.from_iterable(batch.to_pylist() for batch in file.iter_batches(_BATCH))
            yield from ((f"{path} row {number}", row) for number, row in enumerate(rows, start=1))
    except ArrowException as error:
        raise UserError(f"{path} is truncated or damaged ({error}): download it again") from None


class Row(NamedTuple):
    """One JSON object of a file. Blank lines are skipped."""

    number: int
    """Number of the row in the file, from 0."""
    where: str
    """File and 1-based line, for messages."""
    data: dict[str, Any]


class RowModel(BaseModel):
    """The fields of a benchmark's row that are used. Others are ignored, and a null is a missing field."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        return (
            {key: value for key, value in data.items() if value is not None}
            if isinstance(data, dict)
            else data
        )


class HasId(Protocol):
    """A problem or a task."""

    @property
    def id(self) -> str:
        """Unique in its file."""


RowType = TypeVar("RowType", bound=BaseModel)
Value = TypeVar("Value", bound=HasId)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file: JSON Lines, a JSON array or Parquet.

    Raises:
        UserError: The file is missing, truncated or empty, or a line is not a JSON object.
    """
    for number, (where, data) in enumerate(read_objects(path)):
        yield Row(number, where, data)


def encodable_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, as `read_rows`. Their strings must be encodable as UTF-8.

    Raises:
        UserError: As `read_rows`; or a string has a lone surrogate.
    """
    for row in read_rows(path):
        if surrogate := _lone_surrogate(row.data):
            raise UserError(f"{row.where} has a lone surrogate in {surrogate}: remove it")
        yield row


def _lone_surrogate(data: Any) -> str | None:
    """Return the text around the first lone surrogate in a row: JSON can hold one, and UTF-8 cannot."""
    match data:
        case str() if not data.isascii():
            try:
                data.encode()
            except UnicodeEncodeError as error:
                return ascii(data[max(0, error.start - 20) : error.end + 20])
        case dict():
            return next(filter(None, map(_lone_surrogate, [*data, *data.values()])), None)
        case list():
            return next(filter(None, map(_lone_surrogate, data)), None)
    return None


def problems_from_rows(
    path: Path, row_type: type[RowType], to_problem: Callable[[RowType], Value]
) -> list[Value]:
    """Return the problems of a file with one problem per row.

    Raises:
        UserError: As `read_rows`; or a row has missing or wrong fields, no tests, or the id of an earlier row.
    """
    locations_by_id: dict[str, str] = {}
    problems = []
    for row in encodable_rows(path):
        try:
            problem = to_problem(row_type.model_validate(row.data))
        except ValidationError as error:
            raise UserError(f"{row.where}: {_describe(error, row_type)}") from None
        except ValueError as error:
            raise UserError(f"{row.where}: {error}") from None
        if earlier := locations_by_id.get(problem.id):
            raise UserError(f"{row.where}: the id {problem.id} is taken already by {earlier}")
        locations_by_id[problem.id] = row.where
        problems.append(problem)
    return problems


def _describe(error: ValidationError, row_type: type[BaseModel]) -> str:
    """Return a message on the first error of a row."""
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
