"""From a dataset SPEC to problems."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from rayboot.errors import UserError
from rayboot.problems import apps, humaneval, mbpp, mbxp, own, quickstart
from rayboot.problems.types import Problem

Adapter = Callable[[Path], list[Problem]]
"""All problems of a benchmark's file or folder, whatever their split."""

ADAPTERS: dict[str, Adapter] = {
    "mbpp": mbpp.load,
    "humaneval": humaneval.load,
    "mbxp": mbxp.load,
    "apps": apps.load,
    "jsonl": own.load,
}
PACKAGED: dict[str, Callable[[], list[Problem]]] = {"quickstart": quickstart.packaged}


def load_problems(spec: str) -> list[Problem]:
    """The problems that a SPEC names, in the order of their file.

    A SPEC is `mbpp:PATH`, `humaneval:PATH`, `mbxp:PATH`, `apps:PATH`, `jsonl:PATH` or `quickstart`, with `/SPLIT`
    behind it where there are splits. PATH is a JSON Lines file, plain or gzipped, or for APPS a folder; a file whose
    path is the whole PATH goes before a split.

    Raises:
        UserError: The SPEC names no known benchmark, file or split, or the file has bad rows.
    """
    name, colon, location = spec.partition(":")
    if not colon:
        name, _, split = spec.partition("/")
        if name in ADAPTERS:
            raise UserError(f"{spec}: {name} needs the path of its file: {name}:PATH")
        if name not in PACKAGED:
            raise UserError(_unknown(name))
        return _of_split(PACKAGED[name](), split, spec)
    if name in PACKAGED:
        raise UserError(f"{spec}: {name} comes with rayboot and takes no path: write {name} or {name}/SPLIT")
    if name not in ADAPTERS:
        raise UserError(_unknown(name))
    if not location:
        raise UserError(f"{spec}: {name} needs the path of its file: {name}:PATH")
    path, split = _path_and_split(location)
    return _of_split(ADAPTERS[name](path), split, spec)


def _path_and_split(location: str) -> tuple[Path, str]:
    path = Path(location).expanduser()
    if not path.exists() and path.parent.is_file():
        return path.parent, path.name
    return path, ""


def _of_split(problems: list[Problem], split: str, spec: str) -> list[Problem]:
    if not split:
        return problems
    splits = sorted({problem.split for problem in problems} - {""})
    if split in splits:
        return [problem for problem in problems if problem.split == split]
    known = f"those that exist are {', '.join(splits)}" if splits else "these problems have no splits"
    raise UserError(f"{spec}: there is no split {split}; {known}")


def _unknown(name: str) -> str:
    known = [*ADAPTERS, *PACKAGED]
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
    return f"unknown benchmark {name!r}: {hint}"
