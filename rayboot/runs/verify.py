"""Verify a file of solutions: verdicts and pass@k."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean

from rayboot.errors import UserError
from rayboot.metrics import pass_at_k
from rayboot.problems import Problem
from rayboot.problems.rows import Row, read_rows
from rayboot.problems.types import clean
from rayboot.prompts import TemplateLibrary, is_fenced, program_of
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Status, Verdict
from rayboot.values import Frozen, JsonObject

BATCH = 512
"""Programs per batch: large, since a batch ends with the slowest program; small enough to show progress."""

Progress = Callable[[int], None]
"""Called with the number of programs that have run since the last call."""


def run_in_batches(
    jobs: Sequence[Job], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[Verdict]:
    """Yield the verdicts of `jobs` in order, as each batch ends."""
    remaining = iter(jobs)
    while chunk := list(islice(remaining, batch)):
        verdicts = sandbox.run_many(chunk)
        if progress:
            progress(len(chunk))
        yield from verdicts


class Solution(Frozen):
    """One row: a program for a problem."""

    task_id: str | int
    """As in the file."""
    index: int
    """0-based number of the row in the file."""
    problem: Problem
    program: str
    fenced: bool = False
    """Whether the text has fenced code blocks, as a chat model's answer has, and was not extracted."""


def read_solutions(path: str | Path, problems: Sequence[Problem], extract: bool = False) -> list[Solution]:
    """Return the rows of a JSON Lines file, plain or gzipped, in order. A problem may have any number of rows.

    A row has `task_id` (`MBPP/11`, `11` or 11) and `solution`, a whole program, or else `completion`, which continues
    the problem's starter code, as in HumanEval's samples. Other fields are ignored.

    Args:
        path: The file.
        problems: Problems that rows may name.
        extract: Whether each text is a model's answer, from which the program is extracted as in a rollout.

    Raise UserError if the file cannot be read; a row lacks a field, or names an unknown or ambiguous problem.
    """
    by_id = _by_id(problems)
    templates = TemplateLibrary()
    solutions = []
    for row in read_rows(Path(path)):
        problem = _problem(row, by_id)
        text, prefix = _text(row, problem)
        program = program_of(problem, text, templates(problem).continues) if extract else prefix + text
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
    """Return a row's text, and the code that it continues."""
    fields: JsonObject = row.data
    for name, prefix in (("solution", ""), ("completion", problem.starter_code)):
        if name in fields:
            if not isinstance(fields[name], str):
                raise UserError(f"{row.where}: {name} must be a text, not {type(fields[name]).__name__}")
            return clean(fields[name]), prefix
    raise UserError(f"{row.where}: expected the field solution (a whole program) or completion")


def _by_id(problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Return problems by id and by the part after the last slash of the id; a whole id takes precedence."""
    by_id = {problem.id: [problem] for problem in problems}
    by_number: dict[str, list[Problem]] = {}
    for problem in problems:
        by_number.setdefault(problem.id.rpartition("/")[2], []).append(problem)
    return by_id | {number: same for number, same in by_number.items() if number not in by_id}


class VerifiedSolution(Frozen):
    """The verdict on one row, as `rayboot verify --out` writes it."""

    task_id: str | int
    """As in the file."""
    index: int
    """0-based number of the row in the file."""
    status: Status
    error_type: str
    message: str
    seconds: float
    """Wall-clock seconds of the program with all tests."""


def verify(
    solutions: Sequence[Solution], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[VerifiedSolution]:
    """Run every solution against the problem's tests, and yield the results in order."""
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
    """Return the problems without a row, in order."""
    answered = {solution.problem.id for solution in solutions}
    return [problem for problem in problems if problem.id not in answered]


def solutions_pass_at_k(
    solutions: Iterable[Solution],
    results: Iterable[VerifiedSolution],
    ks: Sequence[int],
    failed: Iterable[Problem] = (),
) -> dict[str, float]:
    """Return pass@k over the problems with solutions, for each k up to the lowest number of solutions of a problem.

    Args:
        failed: Problems to count as failed, each with that lowest number of failing solutions.
    """
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for solution, result in zip(solutions, results, strict=True):
        outcomes[solution.problem.id].append(result.status == "passed")
    fewest = min(map(len, outcomes.values()), default=0)
    counts = [(len(passed), sum(passed)) for passed in outcomes.values()] + [(fewest, 0) for _ in failed]
    return {f"pass@{k}": fmean(pass_at_k(n, c, k) for n, c in counts) for k in ks if k <= fewest}
