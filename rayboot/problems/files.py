"""The objects of a data file: JSON Lines, a JSON array or Parquet, whatever its name; the first two may be gzipped."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from itertools import chain, dropwhile
from pathlib import Path
from typing import Any, BinaryIO

from rayboot.errors import UserError

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"
"""What editors on Windows put before UTF-8."""
_BATCH = 256
"""Rows of a Parquet file that are read at once: some of APPS have 100 MB of tests."""


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a file, and where it is, for messages: file and 1-based line, item or row.

    Raises:
        UserError: The file is missing, damaged or empty, or holds something else than objects.
    """
    try:
        found = False
        for where, data in _objects(path):
            if not isinstance(data, dict):
                raise UserError(f"{where} is not a JSON object: expected one between braces")
            found = True
            yield where, data
        if not found:
            raise UserError(f"{path} is empty: expected one JSON object a line")
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
            yield from _of_parquet(path)
        elif start.startswith(_GZIP):
            with gzip.open(file) as unpacked:
                yield from _of_json(path, unpacked)
        else:
            yield from _of_json(path, file)


def _of_json(path: Path, file: BinaryIO | gzip.GzipFile) -> Iterator[tuple[str, Any]]:
    """Lines; or, where the first begins with a bracket, the items of one array."""
    start = file.readline().removeprefix(_BOM)
    rest = dropwhile(lambda line: not line[1].strip(), enumerate(chain([start], file), start=1))
    first = next(rest, (0, b""))
    lines = chain([first], rest)
    if first[1].lstrip().startswith(b"["):
        items = _parsed(b"".join(line for _, line in lines), str(path))
        yield from ((f"{path} item {number}", item) for number, item in enumerate(items, start=1))
        return
    for number, line in lines:
        if line.strip():
            where = f"{path} line {number}"
            yield where, _parsed(line.strip(), where)


def _parsed(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{where} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where} is not JSON ({error.msg}, column {error.colno}): is the file cut off?"
        ) from None
    except ValueError:  # Python reads no longer ones
        raise UserError(
            f"{where} has an integer of more than {sys.get_int_max_str_digits()} digits: write it as a text"
        ) from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply") from None


def _of_parquet(path: Path) -> Iterator[tuple[str, Any]]:
    from pyarrow import ArrowException, parquet  # here: most runs read JSON, and this takes a while

    try:
        with parquet.ParquetFile(path) as file:
            rows = chain.from_iterable(batch.to_pylist() for batch in file.iter_batches(_BATCH))
            yield from ((f"{path} row {number}", row) for number, row in enumerate(rows, start=1))
    except ArrowException as error:
        raise UserError(f"{path} is truncated or damaged ({error}): download it again") from None
