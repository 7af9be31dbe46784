"""Whether two problem sets share problems: training on what is tested would make the numbers worthless."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

from rayboot.problems.types import Problem
from rayboot.values import Frozen

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
    tested = {problem.id for problem in test}
    found = [
        Overlap(same="id", train_id=problem.id, test_id=problem.id)
        for problem in train
        if problem.id in tested
    ]
    alike = list(_same_statement(train, test))  # tests and solutions are read of these alone
    same: Sameness
    for same, told in (("statement and tests", _tests), ("statement and solution", _solutions)):
        found += [
            Overlap(same=same, train_id=mine.id, test_id=theirs.id)
            for mine, theirs in alike
            if told(mine) & told(theirs)
        ]
    return found


def _same_statement(train: Sequence[Problem], test: Sequence[Problem]) -> Iterator[tuple[Problem, Problem]]:
    tested: dict[str, list[Problem]] = defaultdict(list)
    for problem in test:
        tested[_words(problem.statement)].append(problem)
    for mine in train:
        for theirs in tested.get(_words(mine.statement), ()):
            yield mine, theirs


def _tests(problem: Problem) -> set[frozenset[str]]:
    """All tests as one thing: two sets share it when all are the same."""
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
