"""Outcomes of a run's attempts: chains, and pass@1 and repair@1 per problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from statistics import fmean
from typing import NamedTuple, TypedDict

from rayboot.attempts import SKIPPED
from rayboot.metrics import Interval, bootstrap_interval
from rayboot.metrics.intervals import DIFFERENCES

NAMES = {
    "failed": "wrong answer",
    "error": "runtime error",
    "syntax_error": "syntax error",
    "timeout": "too slow",
    "memory_limit": "too much memory",
    "output_limit": "too much output",
    "crashed": "crashed",
    "sandbox_error": "sandbox error",
    SKIPPED: "prompt too long",
}
"""Failing verdicts in words."""


class ChainRow(TypedDict):
    """The columns of an attempt that chains need."""

    split: str
    problem_id: str
    sample: int
    round: int
    status: str
    error_type: str


class RunChain(NamedTuple):
    """A first attempt and its repairs, with iteration, split, problem and sample."""

    iteration: int
    split: str
    problem_id: str
    sample: int
    statuses: tuple[str, ...]
    """By round."""
    errors: tuple[str, ...]
    """By round: the exception's class, or empty."""

    @property
    def generated(self) -> bool:
        """Whether the prompt fitted, so that a first attempt was generated."""
        return self.statuses[0] != SKIPPED

    @property
    def passed_first(self) -> bool:
        return self.statuses[0] == "passed"

    @property
    def passed(self) -> bool:
        return "passed" in self.statuses

    def failure(self, round: int) -> str:
        """Return the failure of an attempt in words: the exception's class if the program raised, else the verdict."""
        status, error = self.statuses[round], self.errors[round]
        return error if status == "error" and error else NAMES.get(status, status)


class Measure(NamedTuple):
    """Results on one split in one iteration, by problem."""

    at_first: dict[str, float]
    """Share of samples whose first attempt passes."""
    repaired: dict[str, float]
    """Share of samples whose first attempt or a repair passes."""


Measures = dict[tuple[int, str], Measure]
"""Measures by iteration and split."""


def chains(iteration: int, rows: Iterable[ChainRow]) -> list[RunChain]:
    """Return attempts, in the order of split, problem, sample and round, as chains."""
    result = []
    for key, group in groupby(rows, key=lambda row: (row["split"], row["problem_id"], row["sample"])):
        attempts = list(group)
        statuses = tuple(row["status"] for row in attempts)
        result.append(RunChain(iteration, *key, statuses, tuple(row["error_type"] for row in attempts)))
    return result


def measures(run_chains: Iterable[RunChain]) -> Measures:
    """Return pass@1 and repair@1 of every problem; a problem whose prompt did not fit is unsolved."""
    grouped: dict[tuple[int, str], dict[str, list[RunChain]]] = defaultdict(lambda: defaultdict(list))
    for chain in run_chains:
        grouped[chain.iteration, chain.split][chain.problem_id].append(chain)
    return {
        key: Measure(
            {id: fmean(chain.passed_first for chain in of_problem) for id, of_problem in problems.items()},
            {id: fmean(chain.passed for chain in of_problem) for id, of_problem in problems.items()},
        )
        for key, problems in grouped.items()
    }


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> Interval | None:
    """Return the change of the mean, paired by problem, with its interval; None if no problem is in both."""
    changes = [after[id] - before[id] for id in before if id in after]
    return bootstrap_interval(changes, bounds=DIFFERENCES) if changes else None
