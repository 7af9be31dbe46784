"""Detect training problems whose statements resemble those of validation and test problems."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rayboot.problems import Problem

Gram = tuple[str, ...]

_WORD = re.compile(r"\w+")


def contaminated(training: Iterable[Problem], measured: Iterable[Problem], words: int) -> frozenset[str]:
    """Return the ids of the training problems whose statement shares an n-gram with that of a measured problem.

    Args:
        training: Training problems.
        measured: Validation and test problems.
        words: Words of an n-gram, regardless of case and punctuation. A shorter statement is one n-gram.
    """
    measured_grams = {gram for problem in measured for gram in _grams(problem.statement, words)}
    return frozenset(
        problem.id for problem in training if not measured_grams.isdisjoint(_grams(problem.statement, words))
    )


def _grams(text: str, words: int) -> set[Gram]:
    tokens = _WORD.findall(text.casefold())
    if not tokens:  # a statement without words resembles no other
        return set()
    return {tuple(tokens[start : start + words]) for start in range(max(1, len(tokens) - words + 1))}
