"""Verdicts for a file of solutions, and their pass@k."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from rayboot.evaluation.batches import BATCH, Progress, run_in_batches
from rayboot.evaluation.pass_at_k import pass_at_k
from rayboot.evaluation.solutions import Solution
from rayboot.problems.types import Frozen, Problem
from rayboot.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Status


class VerifiedSolution(Frozen):
    """The verdict on one row, as `rayboot verify --out` writes it."""

    task_id: str | int
    """As the file gives it."""
    index: int
    """0-based number of the row in its file."""
    status: Status
    error_type: str
    message: str
    seconds: float
    """Wall-clock time of the program with all its tests."""


def verify(
    solutions: Sequence[Solution], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[VerifiedSolution]:
    """Run every solution against its problem's tests, and yield the results in the order given."""
    jobs = [Job.of(solution.problem, solution.program) for solution in solutions]
    for solution, verdict in zip(solutions, run_in_batches(jobs, sandbox, batch, progress), strict=True):
        yield VerifiedSolution(
            task_id=solution.task_id,
            index=solution.index,
            status=verdict.status,
            error_type=verdict.error_type,
            message=verdict.message,
            seconds=verdict.wall_seconds,
        )


def without_solution(solutions: Iterable[Solution], problems: Iterable[Problem]) -> list[Problem]:
    """The problems that no row is for, in their order."""
    answered = {solution.problem.id for solution in solutions}
    return [problem for problem in problems if problem.id not in answered]


def solutions_pass_at_k(
    solutions: Iterable[Solution],
    results: Iterable[VerifiedSolution],
    ks: Sequence[int],
    failed: Iterable[Problem] = (),
) -> dict[str, float]:
    """pass@k over the problems that have solutions, for those k of which every problem has at least as many.

    Problems in `failed` count as if each had as many failing solutions as the others have at least.
    """
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for solution, result in zip(solutions, results, strict=True):
        outcomes[solution.problem.id].append(result.status == "passed")
    fewest = min(map(len, outcomes.values()), default=0)
    counts = [(len(passed), sum(passed)) for passed in outcomes.values()] + [(fewest, 0) for _ in failed]
    return {f"pass@{k}": fmean(pass_at_k(n, c, k) for n, c in counts) for k in ks if k <= fewest}
