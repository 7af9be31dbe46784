"""The content of `rayboot replay show`: a run's replay buffer, and what was replayed from it."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from rayboot.attempts import SKIPPED, Attempt
from rayboot.config import Recipe, ReplayConfig, recipe_from
from rayboot.curation.buffer import ReplayBuffer, solve_rates
from rayboot.curation.duplicates import normalised
from rayboot.errors import UserError
from rayboot.problems import load_problems
from rayboot.problems.types import Language
from rayboot.storage import RunDirectory, Storage
from rayboot.values import Frozen

AttemptKind = Literal["solution", "repair"]

KINDS: dict[AttemptKind, pc.Expression] = {
    "solution": pc.field("round") == 0,
    "repair": pc.field("round") > 0,
}
HARDEST = 10


class Part(Frozen):
    """Counts of one kind of an iteration's attempts."""

    iteration: int
    kind: AttemptKind
    attempts: int
    verified: int
    distinct: int
    """Verified programs per problem that differ in more than comments and layout."""
    new: int
    """Distinct programs that no earlier part has."""
    problems: int
    """Problems with a verified program."""


class SolvedProblem(Frozen):
    """A problem with a verified program."""

    problem_id: str
    solve_rate: float
    """Share of all attempts, repairs included, that passed."""
    programs: int
    """Number of distinct programs."""


class Overview(Frozen):
    """The replay buffer of a run, over all finished rollouts."""

    parts: tuple[Part, ...]
    programs: int
    """Number of distinct programs, over all problems."""
    capped: int
    """The same with at most `max_per_problem` of each problem."""
    problems: int
    solved: int
    hardest: tuple[SolvedProblem, ...]
    """Solved problems with the lowest solve rates, lowest first."""
    options: ReplayConfig | None
    """Options of the recipe."""
    replayed: dict[int, dict[str, int]]
    """Number of replayed examples by iteration of the training set and by iteration of origin."""


def buffer_overview(uri: str) -> Overview:
    """Return an overview of the replay buffer of the run at a path or URI.

    Raise UserError if there is no run, or it has no finished rollout.
    """
    run, recipe, iterations = _open(uri)
    languages = _languages(recipe)
    programs: dict[str, set[str]] = defaultdict(set)
    parts: list[Part] = []
    statuses: list[pa.Table] = []
    for iteration in iterations:
        buffer = ReplayBuffer.of(run.storage, [run.folder(iteration, "rollout")])
        attempts = buffer.attempts(pc.field("status") != SKIPPED, ["problem_id", "round", "status"])
        verified = buffer.attempts(pc.field("status") == "passed", ["problem_id", "round", "program"])
        statuses.append(attempts.select(["problem_id", "status"]))
        for kind, condition in KINDS.items():
            of_kind, passed = attempts.filter(condition), verified.filter(condition)
            distinct: dict[str, set[str]] = defaultdict(set)
            for row in passed.to_pylist():
                language = languages.get(row["problem_id"], "python")
                distinct[row["problem_id"]].add(normalised(row["program"], language))
            if of_kind.num_rows:
                part = Part(
                    iteration=iteration,
                    kind=kind,
                    attempts=of_kind.num_rows,
                    verified=passed.num_rows,
                    distinct=sum(map(len, distinct.values())),
                    new=sum(len(found - programs[id]) for id, found in distinct.items()),
                    problems=len(distinct),
                )
                parts.append(part)
            for id, found in distinct.items():
                programs[id] |= found
    rates = solve_rates(pa.concat_tables(statuses))
    solved = sorted((rate, id) for id, rate in rates.items() if rate > 0)
    options = recipe.curation.replay
    cap = options and options.max_per_problem
    summaries = {number: run.summary(number, "training_set") for number in iterations}
    return Overview(
        parts=tuple(parts),
        programs=sum(map(len, programs.values())),
        capped=sum(min(len(distinct), cap or len(distinct)) for distinct in programs.values()),
        problems=len(rates),
        solved=len(solved),
        hardest=tuple(
            SolvedProblem(problem_id=id, solve_rate=rate, programs=len(programs[id]))
            for rate, id in solved[:HARDEST]
        ),
        options=options,
        replayed={
            number: summary["replayed"] for number, summary in summaries.items() if summary is not None
        },
    )


def problem_programs(uri: str, problem: str) -> tuple[list[Attempt], Language]:
    """Return the verified attempts on one problem, oldest first, and their language.

    `problem` is an id, or the part after its last slash. Raise UserError if there is no run at the path or URI, or it
    has no attempt, or no verified program, for the problem.
    """
    run, recipe, iterations = _open(uri)
    buffer = ReplayBuffer.of(run.storage, [run.folder(number, "rollout") for number in iterations])
    ids = sorted(set(buffer.attempts(pc.scalar(True), ["problem_id"])["problem_id"].to_pylist()))
    matching = [id for id in ids if problem in (id, id.rpartition("/")[2])]
    if not matching:
        raise UserError(f"{uri} has no attempt on a problem {problem}; its ids are like {ids[0]}")
    where = pc.field("problem_id").isin(matching[:1]) & (pc.field("status") == "passed")
    verified = [Attempt.model_validate(row) for row in buffer.attempts(where).to_pylist()]
    if not verified:
        raise UserError(f"{uri} has no verified program for {matching[0]}: it was attempted and never solved")
    verified.sort(key=lambda attempt: (attempt.iteration, attempt.sample, attempt.round))
    return verified, _languages(recipe).get(matching[0], "python")


def _open(uri: str) -> tuple[RunDirectory, Recipe, list[int]]:
    """Return the run, the recipe, and the iterations with a finished rollout."""
    run = RunDirectory(Storage(uri))
    if not (run.storage.exists("recipe.yaml") and run.storage.exists("iterations")):
        raise UserError(
            f"{uri} is not a run directory: give one that rayboot run has written, such as runs/quickstart"
        )
    recipe = recipe_from(run.recipe(), [], f"{uri}/recipe.yaml")
    done = [number for number in run.iterations() if run.summary(number, "rollout") is not None]
    if not done:
        raise UserError(f"{uri} has no finished rollout, so the replay buffer is empty")
    return run, recipe, done


def _languages(recipe: Recipe) -> dict[str, Language]:
    """Return the languages of the training problems by id; empty if the file cannot be read any more."""
    try:
        return {problem.id: problem.language for problem in load_problems(recipe.problems.train)}
    except UserError:
        return {}
