"""What some problems offer to a training set, before bounds on the whole of it are kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import ray

from rayboot.problems.types import Problem
from rayboot.replay.buffer import ReplayBuffer
from rayboot.replay.curate import Curated, curate_problem, reference_example
from rayboot.replay.examples import SCHEMA, TrainingExample
from rayboot.replay.job import CurationJob
from rayboot.replay.sampling import RANK_SCHEMA
from rayboot.rollout import Attempt

CANDIDATES_SCHEMA = pa.schema([*SCHEMA, *RANK_SCHEMA])
"""Columns of a training set, and the rank by which a bound keeps an example or not."""


class Candidates(NamedTuple):
    """A table of `CANDIDATES_SCHEMA`, and how many examples were left out already, by reason."""

    table: pa.Table
    dropped: Counter[str]


def make_candidates(job: CurationJob, ids: Sequence[str], files: Sequence[str]) -> Candidates:
    """Curate the attempts on these problems, which are in these files; rows are in the order of ids."""
    known: Mapping[str, Problem] = ray.get(job.problems)
    buffer = ReplayBuffer(job.storage, files)
    attempts = _attempts(job, buffer, ids)
    examples: list[TrainingExample] = []
    dropped: Counter[str] = Counter()
    for id in ids:
        curated = _curated(job, known[id], attempts[id])
        dropped += curated.dropped
        if id in job.contaminated:
            dropped["contaminated"] += len(curated.examples)
        else:
            examples += curated.examples
    return Candidates(
        _table(job, examples, buffer.solve_rates(ids) if job.sampler.needs_solve_rates else {}), dropped
    )


def _curated(job: CurationJob, problem: Problem, attempts: Sequence[Attempt]) -> Curated:
    if not job.rollouts:
        reference = reference_example(problem, job.iteration, job.prompts.builder)
        return Curated([reference] if reference else [], Counter())
    return curate_problem(problem, attempts, job.iteration, job.options, job.prompts.builder)


def _attempts(job: CurationJob, buffer: ReplayBuffer, ids: Sequence[str]) -> dict[str, list[Attempt]]:
    """By problem, all of this iteration's attempts, and the verified ones of the iterations before."""
    of_use = (pc.field("iteration") == job.iteration) | (pc.field("status") == "passed")
    found = defaultdict(list)
    for row in buffer.attempts(pc.field("problem_id").isin(ids) & of_use).to_pylist():
        found[row["problem_id"]].append(Attempt.model_validate(row))
    return found


def _table(
    job: CurationJob, examples: Sequence[TrainingExample], solve_rates: Mapping[str, float]
) -> pa.Table:
    sampler = job.sampler
    ranks = (sampler.rank(example, solve_rates.get(example.problem_id)) for example in examples)
    rows = [{**example.model_dump(), **rank._asdict()} for example, rank in zip(examples, ranks, strict=True)]
    return pa.Table.from_pylist(rows, schema=CANDIDATES_SCHEMA)
