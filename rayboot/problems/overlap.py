"""Problems that two sets share: training on test problems would invalidate the results."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
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
    tested = {problem.id for problem in test}
    found = [
        Overlap(same="id", train_id=problem.id, test_id=problem.id)
        for problem in train
        if problem.id in tested
    ]
    same_statements = list(_same_statement(train, test))  # tests and solutions are compared for these only
    same: OverlapKind
    for same, features in (("statement and tests", _tests), ("statement and solution", _solutions)):
        found += [
            Overlap(same=same, train_id=train_problem.id, test_id=test_problem.id)
            for train_problem, test_problem in same_statements
            if features(train_problem) & features(test_problem)
        ]
    return found


def _same_statement(train: Sequence[Problem], test: Sequence[Problem]) -> Iterator[tuple[Problem, Problem]]:
    tested: dict[str, list[Problem]] = defaultdict(list)
    for problem in test:
        tested[_words(problem.statement)].append(problem)
    for train_problem in train:
        for test_problem in tested.get(_words(train_problem.statement), ()):
            yield train_problem, test_problem


def _tests(problem: Problem) -> set[frozenset[str]]:
    """Return all tests as a single element: two problems share it if all their tests are the same."""
    return {frozenset(_words(test.model_dump_json(exclude={"public"})) for test in problem.tests)}


def _solutions(problem: Problem) -> set[str]:
    return {_code(reference) for reference in problem.references}


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _code(program: str) -> str:
    try:
        return ast.unparse(ast.parse(program))
    except (SyntaxError, ValueError):
        return " ".join(program.split())
