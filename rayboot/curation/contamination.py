"""Which training problems are much like a problem that is measured."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rayboot.problems import Problem

Gram = tuple[str, ...]

_WORD = re.compile(r"\w+")


def contaminated(training: Iterable[Problem], measured: Iterable[Problem], words: int) -> frozenset[str]:
    """Ids of the training problems whose statement shares an n-gram with a measured problem's.

    Args:
        training: The problems that are learned from.
        measured: Those of validation and test.
        words: Words of an n-gram. Case and punctuation do not count; a shorter statement is one n-gram as a whole.
    """
    known = {gram for problem in measured for gram in _grams(problem.statement, words)}
    return frozenset(
        problem.id for problem in training if not known.isdisjoint(_grams(problem.statement, words))
    )


def _grams(text: str, words: int) -> set[Gram]:
    found = _WORD.findall(text.casefold())
    if not found:  # a statement without words is like no other
        return set()
    return {tuple(found[start : start + words]) for start in range(max(1, len(found) - words + 1))}
