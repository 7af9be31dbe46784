"""What `rayboot replay show` tells of a run: what its replay buffer holds, and what was replayed of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.attempts import SKIPPED, Attempt
from rayboot.config import Recipe, ReplayConfig, recipe_from
from rayboot.curation.buffer import ReplayBuffer, normalised, solve_rates
from rayboot.errors import UserError
from rayboot.problems import load_problems
from rayboot.problems.types import Language
from rayboot.storage import RunDirectory, Storage
from rayboot.values import Frozen

Kind = Literal["solution", "repair"]

KINDS: dict[Kind, pc.Expression] = {"solution": pc.field("round") == 0, "repair": pc.field("round") > 0}
HARDEST = 10


class Part(Frozen):
    """One kind of an iteration's programs."""

    iteration: int
    kind: Kind
    attempts: int
    verified: int
    distinct: int
    """Verified programs of a problem that differ in more than comments and layout."""
    new: int
    """Those of them that no part before has."""
    problems: int
    """Problems with a verified program."""


class Hard(Frozen):
    """A problem that was solved."""

    problem_id: str
    solve_rate: float
    """Share of all attempts, repairs included, that passed."""
    programs: int
    """Distinct ones."""


class Overview(Frozen):
    """The replay buffer of a run, over all rollouts that are done."""

    parts: tuple[Part, ...]
    programs: int
    """Distinct ones, over all problems."""
    capped: int
    """The same with no more than `max_per_problem` of each problem."""
    problems: int
    solved: int
    hardest: tuple[Hard, ...]
    """Of the solved problems those with the lowest solve rates, lowest first."""
    options: ReplayConfig | None
    """As the recipe has them."""
    replayed: dict[int, dict[str, int]]
    """For each training set that is done, its replayed examples by the iteration that they come from."""


def buffer_overview(uri: str) -> Overview:
    """Look into the buffer of the run at a path or URI.

    Raises:
        UserError: There is no run, or no rollout of it is done.
    """
    run, recipe, iterations = _open(uri)
    programs: dict[str, set[str]] = defaultdict(set)
    languages = _languages(recipe)
    parts: list[Part] = []
    made: list[pa.Table] = []
    for iteration in iterations:
        buffer = ReplayBuffer.of(run.storage, [run.folder(iteration, "rollout")])
        attempts = buffer.attempts(pc.field("status") != SKIPPED, ["problem_id", "round", "status"])
        verified = buffer.attempts(pc.field("status") == "passed", ["problem_id", "round", "program"])
        made.append(attempts.select(["problem_id", "status"]))
        for kind, condition in KINDS.items():
            tried, passed = attempts.filter(condition), verified.filter(condition)
            parts.append(_part(iteration, kind, tried.num_rows, passed, programs, languages))
    rates = solve_rates(pa.concat_tables(made))
    solved = sorted((rate, id) for id, rate in rates.items() if rate > 0)
    options = recipe.curation.replay
    cap = options and options.max_per_problem
    done = {number: run.summary(number, "training_set") for number in iterations}
    return Overview(
        parts=tuple(part for part in parts if part.attempts),
        programs=sum(map(len, programs.values())),
        capped=sum(min(len(known), cap or len(known)) for known in programs.values()),
        problems=len(rates),
        solved=len(solved),
        hardest=tuple(
            Hard(problem_id=id, solve_rate=rate, programs=len(programs[id])) for rate, id in solved[:HARDEST]
        ),
        options=options,
        replayed={number: summary["replayed"] for number, summary in done.items() if summary is not None},
    )


def problem_programs(uri: str, problem: str) -> tuple[list[Attempt], Language]:
    """The verified attempts on one problem, oldest first, and their language.

    Args:
        uri: The run.
        problem: A problem's id, or what follows its last slash.

    Raises:
        UserError: There is no run, or it never tried the problem, or never solved it.
    """
    run, recipe, iterations = _open(uri)
    buffer = ReplayBuffer.of(run.storage, [run.folder(number, "rollout") for number in iterations])
    tried = sorted(set(buffer.attempts(pc.scalar(True), ["problem_id"])["problem_id"].to_pylist()))
    matching = [id for id in tried if problem in (id, id.rpartition("/")[2])]
    if not matching:
        raise UserError(f"{uri} has no attempt on a problem {problem}; its ids are like {tried[0]}")
    where = pc.field("problem_id").isin(matching[:1]) & (pc.field("status") == "passed")
    found = [Attempt.model_validate(row) for row in buffer.attempts(where).to_pylist()]
    if not found:
        raise UserError(f"{uri} has no verified program for {matching[0]}: it was tried and never solved")
    found.sort(key=lambda attempt: (attempt.iteration, attempt.sample, attempt.round))
    return found, _languages(recipe).get(matching[0], "python")


def _open(uri: str) -> tuple[RunDirectory, Recipe, list[int]]:
    """The run, its recipe, and the iterations whose rollouts are done."""
    run = RunDirectory(Storage(uri))
    if not (run.storage.exists("recipe.yaml") and run.storage.exists("iterations")):
        raise UserError(
            f"{uri} is no run directory: give one that rayboot run has made, such as runs/quickstart"
        )
    recipe = recipe_from(run.recipe(), [], f"{uri}/recipe.yaml")
    done = [number for number in run.iterations() if run.summary(number, "rollout") is not None]
    if not done:
        raise UserError(f"{uri} has no finished rollout, so that its replay buffer is empty")
    return run, recipe, done


def _languages(recipe: Recipe) -> dict[str, Language]:
    """The languages of the training problems; empty where their file is gone."""
    try:
        return {problem.id: problem.language for problem in load_problems(recipe.problems.train)}
    except UserError:
        return {}


def _part(
    iteration: int,
    kind: Kind,
    attempts: int,
    verified: pa.Table,
    known: dict[str, set[str]],
    languages: Mapping[str, Language],
) -> Part:
    """Count one kind of an iteration's programs; they are added to those known."""
    mine: dict[str, set[str]] = defaultdict(set)
    for row in verified.to_pylist():
        language = languages.get(row["problem_id"], "python")
        mine[row["problem_id"]].add(normalised(row["program"], language))
    new = sum(len(programs - known[id]) for id, programs in mine.items())
    for id, programs in mine.items():
        known[id] |= programs
    return Part(
        iteration=iteration,
        kind=kind,
        attempts=attempts,
        verified=verified.num_rows,
        distinct=sum(map(len, mine.values())),
        new=new,
        problems=len(mine),
    )
