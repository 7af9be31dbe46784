"""Verify a file of solutions that some model wrote: verdicts, and their pass@k."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from rayboot.errors import UserError
from rayboot.metrics import pass_at_k
from rayboot.problems import Problem
from rayboot.problems.rows import Row, read_rows
from rayboot.problems.types import clean
from rayboot.prompts import TemplateLibrary, is_fenced, program_of
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Status, Verdict
from rayboot.values import Frozen

BATCH = 512
"""Large, since a batch ends with its slowest program; small enough for progress to be seen."""

Progress = Callable[[int], None]
"""Told how many more programs were run."""


def run_in_batches(
    jobs: Sequence[Job], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[Verdict]:
    """The verdicts of `jobs`, in their order, as each batch ends."""
    remaining = iter(jobs)
    while chunk := list(islice(remaining, batch)):
        verdicts = sandbox.run_many(chunk)
        if progress:
            progress(len(chunk))
        yield from verdicts


class Solution(Frozen):
    """One row: a program for a problem."""

    task_id: str | int
    """As the file gives it."""
    index: int
    """0-based number of the row in its file."""
    problem: Problem
    program: str
    fenced: bool = False
    """Whether the row looks like a chat model's answer that was not extracted."""


def read_solutions(path: str | Path, problems: Sequence[Problem], extract: bool = False) -> list[Solution]:
    """The rows of a JSON Lines file, plain or gzipped, in their order; several may be for one problem.

    A row has `task_id` (`MBPP/11`, `11` or 11) and `solution`, a whole program, or else `completion`, which goes on
    where the problem's starter code ends, as in HumanEval's samples. Other fields are ignored.

    Args:
        path: The file.
        problems: What the rows may be for.
        extract: Whether each text is a model's answer, whose program is taken out of it as in the loop.

    Raises:
        UserError: The file cannot be read, or a row lacks a field or names an unknown problem.
    """
    by_id = _by_id(problems)
    templates = TemplateLibrary()
    solutions = []
    for row in read_rows(Path(path)):
        problem = _problem(row, by_id)
        text, before = _text(row, problem)
        program = program_of(problem, text, templates(problem).continues) if extract else before + text
        solutions.append(
            Solution(
                task_id=row.data["task_id"],
                index=row.number,
                problem=problem,
                program=program,
                fenced=not extract and is_fenced(text),
            )
        )
    return solutions


def _problem(row: Row, by_id: Mapping[str, list[Problem]]) -> Problem:
    task_id = row.data.get("task_id")
    if isinstance(task_id, bool) or not isinstance(task_id, str | int):
        raise UserError(
            f"{row.where}: task_id must be a text or a number, such as MBPP/11 or 11, not {task_id!r}"
        )
    matching = by_id.get(str(task_id), [])
    if not matching:
        example = next(iter(by_id), "none")
        raise UserError(
            f"{row.where}: task_id {task_id!r} is not among the problems, whose ids are like {example}"
        )
    if len(matching) > 1:
        raise UserError(f"{row.where}: task_id {task_id!r} may be {' or '.join(p.id for p in matching[:2])}")
    return matching[0]


def _text(row: Row, problem: Problem) -> tuple[str, str]:
    """A row's text, and the code that it goes on from."""
    fields: dict[str, Any] = row.data
    for name, before in (("solution", ""), ("completion", problem.starter_code)):
        if name in fields:
            if not isinstance(fields[name], str):
                raise UserError(f"{row.where}: {name} must be a text, not {type(fields[name]).__name__}")
            return clean(fields[name]), before
    raise UserError(f"{row.where}: expected the field solution (a whole program) or completion")


def _by_id(problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Problems by id, and by what comes after the id's last slash; the former goes first."""
    by_id = {problem.id: [problem] for problem in problems}
    by_number: dict[str, list[Problem]] = {}
    for problem in problems:
        by_number.setdefault(problem.id.rpartition("/")[2], []).append(problem)
    return by_id | {number: same for number, same in by_number.items() if number not in by_id}


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
