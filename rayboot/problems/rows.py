"""Rows of a file, and how they become problems, with errors that name the file and the line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rayboot.errors import UserError
from rayboot.problems.files import read_objects


class Row(NamedTuple):
    """One JSON object of a file. Blank lines are no rows."""

    number: int
    """0-based, in the file."""
    where: str
    """File and 1-based line, for messages."""
    data: dict[str, Any]


class RowModel(BaseModel):
    """The fields of a benchmark's row that are read; others are ignored, and a null is a field that is missing."""

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
    """A problem, or a task."""

    @property
    def id(self) -> str:
        """Unique in its file."""


RowType = TypeVar("RowType", bound=BaseModel)
Value = TypeVar("Value", bound=HasId)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file: JSON Lines, a JSON array or Parquet.

    Raises:
        UserError: The file is missing, truncated or empty, or a line is not a JSON object.
    """
    for number, (where, data) in enumerate(read_objects(path)):
        yield Row(number, where, data)


def whole_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, as `read_rows`, where each must be text that UTF-8 can hold."""
    for row in read_rows(path):
        if half := _half_character(row.data):
            raise UserError(f"{row.where} has half a character (a lone surrogate) in {half}: remove it")
        yield row


def _half_character(data: Any) -> str | None:
    """What is around the first lone surrogate in a row's texts: JSON can write one, and UTF-8 cannot."""
    match data:
        case str() if not data.isascii():
            try:
                data.encode()
            except UnicodeEncodeError as error:
                return ascii(data[max(0, error.start - 20) : error.end + 20])
        case dict():
            return next(filter(None, map(_half_character, [*data, *data.values()])), None)
        case list():
            return next(filter(None, map(_half_character, data)), None)
    return None


def problems_from_rows(
    path: Path, row_type: type[RowType], to_problem: Callable[[RowType], Value]
) -> list[Value]:
    """The problems of a file with one problem a row.

    Raises:
        UserError: As `read_rows`; and for a row with missing or wrong fields, without tests, or with an id that an
            earlier row has.
    """
    lines_by_id: dict[str, str] = {}
    problems = []
    for row in whole_rows(path):
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
