"""Whether a benchmark's own references pass its tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rayboot.evaluation.batches import BATCH, Progress, run_in_batches
from rayboot.problems.types import Frozen, Problem
from rayboot.sandbox import Job, Sandbox, Verdict


class ReferenceCheck(Frozen):
    """One reference of one problem."""

    problem_id: str
    reference: int | None
    """Index into the problem's references; None where it has none."""
    verdict: Verdict | None
    """None where there is no reference to run."""


def check_references(
    problems: Sequence[Problem], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[ReferenceCheck]:
    """Run every reference; problems without any come last. `progress` is told how many more references were run."""
    pairs = [(problem, number) for problem in problems for number in range(len(problem.references))]
    jobs = [Job.of(problem, problem.references[number]) for problem, number in pairs]
    for (problem, number), verdict in zip(pairs, run_in_batches(jobs, sandbox, batch, progress), strict=True):
        yield ReferenceCheck(problem_id=problem.id, reference=number, verdict=verdict)
    for problem in problems:
        if not problem.references:
            yield ReferenceCheck(problem_id=problem.id, reference=None, verdict=None)
