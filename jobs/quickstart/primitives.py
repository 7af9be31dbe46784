"""The primitive operations of the quickstart's family of problems, read from primitives.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Primitive:
    """One step of a pipeline: an expression over the variable named `source` that gives a `target`."""

    word: str
    """Names the operation in a function's name."""
    source: str
    target: str
    """Variable names, which are the types too: numbers, words, text, number, scores, and `answer` for an end."""
    expression: str
    phrases: tuple[str, ...]
    """Ways to ask for it, as imperatives."""
    rare: bool
    """The seed model has not seen it."""


def _read(path: Path) -> tuple[Primitive, ...]:
    primitives = []
    for types, rows in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        source, target = types.split(" to ")
        for row in rows:
            phrases, rare = tuple(row["phrases"]), row.get("rare", False)
            primitives.append(Primitive(row["word"], source, target, row["code"], phrases, rare))
    return tuple(primitives)


PRIMITIVES = _read(Path(__file__).with_name("primitives.yaml"))
