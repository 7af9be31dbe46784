"""Whether two problem sets share problems: training on what is tested would make the numbers worthless."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from rayboot.problems.types import Frozen, Problem

Sameness = Literal["id", "statement and tests", "statement and solution"]


class Overlap(Frozen):
    """A training problem that is a test problem, too."""

    same: Sameness
    train_id: str
    test_id: str


def shared(train: Sequence[Problem], test: Sequence[Problem]) -> list[Overlap]:
    """Every pair of a training and a test problem with the same id, statement and tests, or statement and solution.

    Case and white space do not tell statements apart; comments and layout do not tell solutions apart. A pair that is
    the same in several ways is listed once for each.
    """
    ways: list[tuple[Sameness, Callable[[Problem], Iterable[object]]]] = [
        ("id", lambda problem: [problem.id]),
        ("statement and tests", _statement_and_tests),
        ("statement and solution", _statement_and_solutions),
    ]
    return [
        Overlap(same=same, train_id=mine, test_id=theirs)
        for same, keys in ways
        for mine, theirs in _pairs(train, test, keys)
    ]


def _pairs(
    train: Sequence[Problem], test: Sequence[Problem], keys: Callable[[Problem], Iterable[object]]
) -> list[tuple[str, str]]:
    tested: dict[object, list[str]] = defaultdict(list)
    for problem in test:
        for key in keys(problem):
            tested[key].append(problem.id)
    pairs = [(mine.id, theirs) for mine in train for key in keys(mine) for theirs in tested.get(key, ())]
    return list(dict.fromkeys(pairs))


def _statement_and_tests(problem: Problem) -> list[object]:
    tests = (_words(test.model_dump_json(exclude={"public"})) for test in problem.tests)
    return [(_words(problem.statement), frozenset(tests))]


def _statement_and_solutions(problem: Problem) -> list[object]:
    return [(_words(problem.statement), _code(reference)) for reference in problem.references]


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _code(program: str) -> str:
    try:
        return ast.unparse(ast.parse(program))
    except (SyntaxError, ValueError):
        return " ".join(program.split())
