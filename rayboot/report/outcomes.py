"""What became of every problem: chains of attempts, and each problem's share of solved ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from statistics import fmean
from typing import Any, NamedTuple

from rayboot.attempts import SKIPPED
from rayboot.metrics import Interval, bootstrap_interval
from rayboot.metrics.intervals import DIFFERENCES
from rayboot.report.read import RunRecord

COLUMNS = ("split", "problem_id", "sample", "round", "status", "error_type")

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
"""A failing verdict in words."""


class RunChain(NamedTuple):
    """A first attempt and its repairs, with their place in the run."""

    iteration: int
    split: str
    problem_id: str
    sample: int
    statuses: tuple[str, ...]
    """By round."""
    errors: tuple[str, ...]
    """By round: the exception's class, where there was one."""

    @property
    def made(self) -> bool:
        """Whether the problem's prompt fitted, so that there was a first attempt."""
        return self.statuses[0] != SKIPPED

    @property
    def passed_first(self) -> bool:
        return self.statuses[0] == "passed"

    @property
    def passed(self) -> bool:
        return "passed" in self.statuses

    def problem_with(self, round: int) -> str:
        """What was wrong with an attempt, in words: the exception's class where that says more."""
        status, error = self.statuses[round], self.errors[round]
        return error if status == "error" and error else NAMES.get(status, status)


class Measure(NamedTuple):
    """One split in one iteration: each problem's share of samples that pass at first, and with repairs."""

    at_first: dict[str, float]
    repaired: dict[str, float]


Measures = dict[tuple[int, str], Measure]
"""By iteration and split."""


def read_chains(run: RunRecord) -> list[RunChain]:
    """All chains of the run whose attempts are still there."""
    return [
        chain for iteration, table in run.attempts(COLUMNS) for chain in chains(iteration, table.to_pylist())
    ]


def chains(iteration: int, rows: Iterable[dict[str, Any]]) -> list[RunChain]:
    """Attempts, in the order of split, problem, sample and round, as chains."""
    found = []
    for key, group in groupby(rows, key=lambda row: (row["split"], row["problem_id"], row["sample"])):
        attempts = list(group)
        statuses = tuple(row["status"] for row in attempts)
        found.append(RunChain(iteration, *key, statuses, tuple(row["error_type"] for row in attempts)))
    return found


def measures(found: Iterable[RunChain]) -> Measures:
    """pass@1 and repair@1 of every problem, by iteration and split; a problem without a sample is unsolved."""
    grouped: dict[tuple[int, str], dict[str, list[RunChain]]] = defaultdict(lambda: defaultdict(list))
    for chain in found:
        grouped[chain.iteration, chain.split][chain.problem_id].append(chain)
    return {
        key: Measure(
            {id: fmean(chain.passed_first for chain in its) for id, its in problems.items()},
            {id: fmean(chain.passed for chain in its) for id, its in problems.items()},
        )
        for key, problems in grouped.items()
    }


def interval(values: dict[str, float] | None) -> Interval | None:
    """The 95 % interval of the mean over problems; None without problems."""
    return bootstrap_interval(list(values.values())) if values else None


def difference(before: dict[str, float], after: dict[str, float]) -> Interval | None:
    """By how much the mean changed, paired by problem; None when no problem is in both."""
    shared = [id for id in before if id in after]
    if not shared:
        return None
    return bootstrap_interval([after[id] - before[id] for id in shared], bounds=DIFFERENCES)
