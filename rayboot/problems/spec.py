"""Load the problems or tasks of a SPEC such as `mbpp:PATH/SPLIT`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from rayboot.errors import UserError
from rayboot.problems.hub import HubDataset, is_hub, load_hub, parse_location
from rayboot.problems.rows import HasId


class HasSplit(HasId, Protocol):
    """A problem or a task."""

    @property
    def split(self) -> str:
        """Empty if there is none."""


Value = TypeVar("Value", bound=HasSplit)


class Benchmark(NamedTuple, Generic[Value]):
    """A benchmark's loader and its data."""

    load: Callable[[Path], list[Value]]
    """Returns all problems of a file or folder, of all splits."""
    files: str
    """Description of the file for messages."""
    hub: HubDataset | None = None
    """Data set of `hub`; None if it is not on the hub."""


def load_spec(
    spec: str, benchmarks: Mapping[str, Benchmark[Value]], others: Iterable[str] = ()
) -> list[Value]:
    """Return the problems or tasks of a SPEC, in the order of its file.

    A SPEC is `NAME:PATH`, `NAME:hub` or `NAME:hub:OWNER/NAME[:CONFIG]`, followed by `/SPLIT` if there are splits. A
    PATH may be plain or gzipped, JSON Lines, a JSON array or Parquet. A file at the whole PATH
    takes precedence over a split.

    Args:
        spec: The SPEC.
        benchmarks: Benchmarks by name.
        others: Further names to suggest.

    Raises:
        UserError: The SPEC names no known benchmark, file, data set or split, or there are bad rows.
    """
    name, _, location = spec.partition(":")
    if name not in benchmarks:
        raise UserError(unknown_benchmark(name, [*benchmarks, *others]))
    benchmark = benchmarks[name]
    if not location:
        raise UserError(f"{spec}: {name} needs the path of its file: {name}:PATH")
    if is_hub(location):
        return _load_from_hub(spec, name, location, benchmark)
    path, split = _path_and_split(location)
    return select_split(benchmark.load(path), split, spec)


def select_split(values: list[Value], split: str, spec: str) -> list[Value]:
    """Return the values of one split; all if `split` is empty.

    Raises:
        UserError: There is no such split.
    """
    if not split:
        return values
    splits = sorted({value.split for value in values} - {""})
    if split in splits:
        return [value for value in values if value.split == split]
    known = f"those that exist are {', '.join(splits)}" if splits else "these problems have no splits"
    raise UserError(f"{spec}: there is no split {split}; {known}")


def unknown_benchmark(name: str, known: list[str]) -> str:
    """Return the message for an unknown name."""
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
    return f"unknown benchmark {name!r}: {hint}"


def _load_from_hub(spec: str, name: str, location: str, benchmark: Benchmark[Value]) -> list[Value]:
    dataset, split = parse_location(location, benchmark.hub)
    alternative = f"{name}:PATH, where PATH is {benchmark.files}"
    if dataset is None:
        raise UserError(f"{spec}: {name} is not on the hub; write {alternative}")
    try:
        return load_hub(dataset, split, benchmark.load)
    except UserError as error:
        raise UserError(f"{spec}: {error}\nWithout the hub: {alternative}") from None


def _path_and_split(location: str) -> tuple[Path, str]:
    path = Path(location).expanduser()
    if not path.exists() and path.parent.is_file():
        return path.parent, path.name
    return path, ""
