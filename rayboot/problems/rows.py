"""Rows of a file and their conversion to problems, with errors that name file and line."""

from __future__ import annotations

import difflib
import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, dropwhile
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rayboot.errors import UserError

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"
"""Byte order mark, which editors on Windows put before UTF-8."""
_BATCH = 256
"""Rows of a Parquet file to read at once: some rows of APPS have 100 MB of tests."""


def read_text(path: Path) -> str:
    """Return the text of a file. Raise UserError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


class Row(NamedTuple):
    """One JSON object of a file. Blank lines are skipped."""

    number: int
    """Number of the row in the file, from 0."""
    where: str
    """File and 1-based line, item or row, for messages."""
    data: dict[str, object]


class RowModel(BaseModel):
    """The fields of a benchmark's row that are used. Others are ignored, and a null is a missing field."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data


class Item(Protocol):
    """A problem or a task."""

    @property
    def id(self) -> str:
        """Unique in its file."""

    @property
    def split(self) -> str:
        """Empty if there is none."""


RowType = TypeVar("RowType", bound=BaseModel)
Value = TypeVar("Value")
ItemType = TypeVar("ItemType", bound=Item)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file: JSON Lines, a JSON array or Parquet.

    Raise UserError if the file is missing, damaged or empty, or has a value that is not an object.
    """
    number = -1
    try:
        for number, (where, data) in enumerate(_values(path)):
            if not isinstance(data, dict):
                raise UserError(f"{where} is not a JSON object: expected one between braces")
            yield Row(number, where, data)
        if number < 0:
            raise UserError(f"{path} is empty: expected one JSON object per line")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: expected a JSON Lines file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is truncated or damaged ({error}): download it again") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _values(path: Path) -> Iterator[tuple[str, object]]:
    """Yield the values of a file, each with its location for messages."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == _PARQUET:
            yield from _parquet_values(path)
        elif start.startswith(_GZIP):
            with gzip.open(file) as unpacked:
                yield from _json_values(path, unpacked)
        else:
            yield from _json_values(path, file)


def _json_values(path: Path, file: BinaryIO | gzip.GzipFile) -> Iterator[tuple[str, object]]:
    """Yield the values of the lines, or, if the first one begins with a bracket, the items of one array."""
    start = file.readline().removeprefix(_BOM)
    rest = dropwhile(lambda line: not line[1].strip(), enumerate(chain([start], file), start=1))
    first = next(rest, (0, b""))
    lines = chain([first], rest)
    if first[1].lstrip().startswith(b"["):
        items = _parse_json(b"".join(line for _, line in lines), str(path))
        if isinstance(items, list):
            yield from ((f"{path} item {number}", item) for number, item in enumerate(items, start=1))
        return
    for number, line in lines:
        if line.strip():
            where = f"{path} line {number}"
            yield where, _parse_json(line.strip(), where)


def _parse_json(text: bytes, where: str) -> object:
    try:
        return json.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{where} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        place = f"{error.msg}, column {error.colno}"
        raise UserError(f"{where} is not JSON ({place}): is the file cut off?") from None
    except ValueError:  # too long an integer for Python
        digits = sys.get_int_max_str_digits()
        raise UserError(
            f"{where} has an integer of more than {digits} digits: write it as a string"
        ) from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply") from None


def _parquet_values(path: Path) -> Iterator[tuple[str, object]]:
    from pyarrow import ArrowException, parquet  # imported here: it is slow, and most runs read JSON

    try:
        with parquet.ParquetFile(path) as file:
            rows = chain.from_iterable(batch.to_pylist() for batch in file.iter_batches(_BATCH))
            yield from ((f"{path} row {number}", row) for number, row in enumerate(rows, start=1))
    except ArrowException as error:
        raise UserError(f"{path} is truncated or damaged ({error}): download it again") from None


def encodable_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, as `read_rows`. Raise UserError if a string has a lone surrogate."""
    for row in read_rows(path):
        if surrogate := _lone_surrogate(row.data):
            raise UserError(f"{row.where} has a lone surrogate in {surrogate}: remove it")
        yield row


def _lone_surrogate(data: object) -> str | None:
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
    path: Path, row_type: type[RowType], to_problem: Callable[[RowType], ItemType]
) -> list[ItemType]:
    """Return the problems of a file with one problem per row.

    Raise UserError as `read_rows`; or if a row has missing or wrong fields, no tests, or the id of an earlier row.
    """
    return with_unique_ids(converted(encodable_rows(path), row_type, to_problem))


def converted(
    rows: Iterable[Row], row_type: type[RowType], convert: Callable[[RowType], Value]
) -> Iterator[tuple[Row, Value]]:
    """Yield each row with what it is converted to. Errors name the row."""
    for row in rows:
        try:
            yield row, convert(row_type.model_validate(row.data))
        except ValidationError as error:
            raise UserError(f"{row.where}: {_describe(error, row_type)}") from None
        except ValueError as error:
            raise UserError(f"{row.where}: {error}") from None


def with_unique_ids(converted_rows: Iterable[tuple[Row, ItemType]]) -> list[ItemType]:
    """Return the items. Raise UserError if two have one id."""
    items: dict[str, tuple[Row, ItemType]] = {}
    for row, item in converted_rows:
        if item.id in items:
            earlier = items[item.id][0].where
            raise UserError(f"{row.where}: the id {item.id} is taken already by {earlier}")
        items[item.id] = row, item
    return [item for _, item in items.values()]


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
