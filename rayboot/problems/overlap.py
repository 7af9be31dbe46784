"""Problems that two sets share: training on test problems would invalidate the results."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from rayboot.problems.types import Problem
from rayboot.values import Frozen

OverlapKind = Literal["id", "statement and tests", "statement and solution"]
"""Properties that two problems can share."""


class Overlap(Frozen):
    """A training problem that is also a test problem."""

    same: OverlapKind
    train_id: str
    test_id: str


def find_overlaps(train: Sequence[Problem], test: Sequence[Problem]) -> list[Overlap]:
    """Return all pairs of a training and a test problem that share a property of `OverlapKind`.

    Statements are compared without case and whitespace, and solutions without comments and layout. A pair that is the
    same in more than one way is listed once for each.
    """
    test_ids = {problem.id for problem in test}
    by_statement: dict[str, list[Problem]] = defaultdict(list)
    for problem in test:
        by_statement[_words(problem.statement)].append(problem)
    # Tests and solutions are compared only if the statements are the same.
    pairs = [(a, b) for a in train for b in by_statement.get(_words(a.statement), ())]
    shared: list[tuple[OverlapKind, str, str]] = [
        *(("id", problem.id, problem.id) for problem in train if problem.id in test_ids),
        *(("statement and tests", a.id, b.id) for a, b in pairs if _tests(a) == _tests(b)),
        *(("statement and solution", a.id, b.id) for a, b in pairs if _solutions(a) & _solutions(b)),
    ]
    return [Overlap(same=same, train_id=train_id, test_id=test_id) for same, train_id, test_id in shared]


def _tests(problem: Problem) -> set[str]:
    return {_words(test.model_dump_json(exclude={"public"})) for test in problem.tests}


def _solutions(problem: Problem) -> set[str]:
    return {_code(reference) for reference in problem.references}


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _code(program: str) -> str:
    try:
        return ast.unparse(ast.parse(program))
    except (SyntaxError, ValueError):
        return " ".join(program.split())
