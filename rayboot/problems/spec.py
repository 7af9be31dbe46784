"""From a SPEC such as `mbpp:PATH/SPLIT` to what it names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from rayboot.errors import UserError
from rayboot.problems.hub import HubDataset, is_hub, load_hub, parse
from rayboot.problems.rows import HasId


class HasSplit(HasId, Protocol):
    """A problem, or a task."""

    @property
    def split(self) -> str:
        """Empty where there is none."""


Value = TypeVar("Value", bound=HasSplit)


class Benchmark(NamedTuple, Generic[Value]):
    """How a benchmark is read."""

    load: Callable[[Path], list[Value]]
    """All problems of a file or folder, whatever their split."""
    files: str
    """What PATH is, in words."""
    hub: HubDataset | None = None
    """What `hub` means."""


def load_spec(
    spec: str, benchmarks: Mapping[str, Benchmark[Value]], others: Iterable[str] = ()
) -> list[Value]:
    """What a SPEC names, in the order of its file: `NAME:PATH`, `NAME:hub` or `NAME:hub:OWNER/NAME[:CONFIG]`, each
    with `/SPLIT` behind it where there are splits.

    A PATH may be plain or gzipped, JSON Lines, a JSON array or Parquet; a file whose path is the whole PATH goes before
    a split. `others` are names to suggest besides.

    Raises:
        UserError: The SPEC names no known benchmark, file, data set or split, or there are bad rows.
    """
    name, _, location = spec.partition(":")
    if name not in benchmarks:
        raise UserError(unknown(name, [*benchmarks, *others]))
    benchmark = benchmarks[name]
    if not location:
        raise UserError(f"{spec}: {name} needs the path of its file: {name}:PATH")
    if is_hub(location):
        return _of_hub(spec, name, location, benchmark)
    path, split = _path_and_split(location)
    return of_split(benchmark.load(path), split, spec)


def of_split(values: list[Value], split: str, spec: str) -> list[Value]:
    """Those of one split; all, if `split` is empty."""
    if not split:
        return values
    splits = sorted({value.split for value in values} - {""})
    if split in splits:
        return [value for value in values if value.split == split]
    known = f"those that exist are {', '.join(splits)}" if splits else "these problems have no splits"
    raise UserError(f"{spec}: there is no split {split}; {known}")


def unknown(name: str, known: list[str]) -> str:
    """What to say of a name that is not known."""
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
    return f"unknown benchmark {name!r}: {hint}"


def _of_hub(spec: str, name: str, location: str, benchmark: Benchmark[Value]) -> list[Value]:
    dataset, split = parse(location, benchmark.hub)
    instead = f"{name}:PATH, where PATH is {benchmark.files}"
    if dataset is None:
        raise UserError(f"{spec}: {name} is not on the hub; write {instead}")
    try:
        return load_hub(dataset, split, benchmark.load)
    except UserError as error:
        raise UserError(f"{spec}: {error}\nWithout the hub: {instead}") from None


def _path_and_split(location: str) -> tuple[Path, str]:
    path = Path(location).expanduser()
    if not path.exists() and path.parent.is_file():
        return path.parent, path.name
    return path, ""
