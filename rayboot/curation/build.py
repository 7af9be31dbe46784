"""Build a training set as a Ray Data plan: attempts in, Parquet files of examples out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import ray
import ray.data
from pydantic import Field

from rayboot.attempts import Attempt
from rayboot.config import CurationConfig
from rayboot.curation.buffer import ReplayBuffer
from rayboot.curation.curate import SCHEMA, Curated, TrainingExample, curate_problem, reference_example
from rayboot.curation.sampling import RANK_SCHEMA, Cut, Sampler
from rayboot.pools.executor import ProblemTable
from rayboot.problems import Problem
from rayboot.rollout import PromptSource
from rayboot.storage import Storage
from rayboot.values import Frozen


class Counts(Frozen):
    """Numbers of examples."""

    examples: dict[str, int] = Field(default_factory=dict)
    """Those in the training set, by kind; replayed ones count as `replay`."""
    replayed: dict[str, int] = Field(default_factory=dict)
    """The replayed ones by the iteration that they come from."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Those left out, by reason."""

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = self.model_dump(), other.model_dump()
        return Counts.model_validate({name: Counter(mine[name]) + Counter(theirs[name]) for name in mine})

    def summary(self) -> dict[str, Any]:
        """For the metrics: in an order that does not depend on which part was counted first."""
        by_number = sorted(self.replayed.items(), key=lambda item: int(item[0]))
        return {
            "examples": dict(sorted(self.examples.items())),
            "replayed": dict(by_number),
            "dropped": dict(sorted(self.dropped.items())),
        }


def count(examples: pa.Table, iteration: int, dropped: Counter[str]) -> Counts:
    """The counts of a part of an iteration's training set."""
    origins = list(zip(examples["kind"].to_pylist(), examples["iteration"].to_pylist(), strict=True))
    return Counts(
        examples=Counter("replay" if origin < iteration else kind for kind, origin in origins),
        replayed=Counter(str(origin) for _, origin in origins if origin < iteration),
        dropped=+dropped,
    )


@dataclass(frozen=True)
class CurationJob:
    """What the training set of an iteration is made from, and where it goes."""

    iteration: int
    seed: int
    options: CurationConfig
    prompts: PromptSource
    problem_table: ProblemTable
    storage: Storage
    folder: str
    """Below `storage`; what an interrupted run has left there is removed."""
    rollouts: Sequence[str] = ()
    """Rollout folders below `storage`: this iteration's, and with the replay buffer on those of the iterations before.
    Without any, nothing was sampled, and references are learned."""
    contaminated: frozenset[str] = frozenset()
    """Problems that must not be learned."""

    @property
    def sampler(self) -> Sampler:
        return Sampler(self.options, self.iteration, self.seed)


CANDIDATES_SCHEMA = pa.schema([*SCHEMA, *RANK_SCHEMA])
"""Columns of a training set, and the rank by which a bound keeps an example or not."""


class Candidates(NamedTuple):
    """A table of `CANDIDATES_SCHEMA`, and how many examples were left out already, by reason."""

    table: pa.Table
    dropped: Counter[str]


def make_candidates(job: CurationJob, ids: Sequence[str], files: Sequence[str]) -> Candidates:
    """Curate the attempts on these problems, which are in these files; rows are in the order of ids."""
    problems: Mapping[str, Problem] = ray.get(job.problem_table)
    buffer = ReplayBuffer(job.storage, files)
    attempts = _attempts(job, buffer, ids)
    examples: list[TrainingExample] = []
    dropped: Counter[str] = Counter()
    for id in ids:
        curated = _curated(job, problems[id], attempts[id])
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


PROBLEMS_PER_FILE = 512
CANDIDATES = "candidates"
"""Folder beside the training set's files, gone when they are made. A task writes to another file than it reads, so
that it can be done again."""

Chunk = dict[str, Any]
"""A part of a training set: its `file`, the `ids` of its problems, and the `files` with attempts on them."""
Work = Callable[[CurationJob, Chunk], Counts]
Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""


def build_training_set(
    ids: Sequence[str], job: CurationJob, progress: Progress = lambda done, total: None
) -> Counts:
    """Write the training set of these problems below the job's folder; files and rows are in the order of ids.

    Each task curates the attempts on so many problems. A bound on the whole set needs a second round: the first writes
    candidates with their ranks, from which follows the last rank to keep.

    Args:
        progress: Told how many problems are done, of how many; of two rounds each counts.
    """
    job.storage.remove(job.folder)
    job.storage.make_folder(job.folder)
    chunks = _chunks(sorted(ids), job)
    if not job.sampler.bounded:
        return _total(chunks, job, _write_examples, _counter(progress, len(ids)))
    job.storage.make_folder(f"{job.folder}/{CANDIDATES}")
    advance = _counter(progress, 2 * len(ids))
    dropped = _total(chunks, job, _write_candidates, advance)
    kept = _total(chunks, job, partial(_write_kept, cut=_cut(job)), advance)
    job.storage.remove(f"{job.folder}/{CANDIDATES}")
    return dropped + kept


def build_reference_set(
    ids: Sequence[str],
    iteration: int,
    problem_table: ProblemTable,
    prompts: PromptSource,
    storage: Storage,
    folder: str,
    progress: Progress = lambda done, total: None,
) -> Counts:
    """Write the references of the problems on their first prompts, as for validation."""
    job = CurationJob(iteration, 0, CurationConfig(), prompts, problem_table, storage, folder)
    return build_training_set(ids, job, progress)


def _chunks(ids: Sequence[str], job: CurationJob) -> list[Chunk]:
    parts = [ids[start : start + PROBLEMS_PER_FILE] for start in range(0, len(ids), PROBLEMS_PER_FILE)]
    found = ray.get(_locate.remote(job.storage, job.rollouts, parts))
    return [
        {"file": f"{number:05d}.parquet", "ids": part, "files": files}
        for number, (part, files) in enumerate(zip(parts, found, strict=True))
    ]


@ray.remote(num_cpus=0)
def _locate(storage: Storage, rollouts: Sequence[str], parts: Sequence[Sequence[str]]) -> list[list[str]]:
    """In a task, so that the driver needs no memory for it."""
    return ReplayBuffer.of(storage, rollouts).locate(parts)


def _counter(progress: Progress, total: int) -> Callable[[int], None]:
    """Advances the progress by N problems."""
    done = 0

    def advance(problems: int) -> None:
        nonlocal done
        done += problems
        progress(done, total)

    advance(0)
    return advance


def _total(chunks: list[Chunk], job: CurationJob, work: Work, advance: Callable[[int], None]) -> Counts:
    """The work done for every chunk, in a task each."""

    def counted(chunk: Chunk) -> dict[str, Any]:
        return {"counts": work(job, chunk).model_dump_json(), "problems": len(chunk["ids"])}

    total = Counts()
    for row in ray.data.from_items(chunks, override_num_blocks=len(chunks)).map(counted).iter_rows():
        total += Counts.model_validate_json(row["counts"])
        advance(row["problems"])
    return total


def _write_examples(job: CurationJob, chunk: Chunk) -> Counts:
    table, dropped = make_candidates(job, chunk["ids"], chunk["files"])
    _write(job, chunk["file"], table.select(SCHEMA.names))
    return count(table, job.iteration, dropped)


def _write_candidates(job: CurationJob, chunk: Chunk) -> Counts:
    table, dropped = make_candidates(job, chunk["ids"], chunk["files"])
    _write(job, f"{CANDIDATES}/{chunk['file']}", table)
    return Counts(dropped=+dropped)


def _cut(job: CurationJob) -> Cut:
    folder = job.storage.path(f"{job.folder}/{CANDIDATES}")
    candidates = pads.dataset(folder, format="parquet", filesystem=job.storage.fs)
    return job.sampler.cut(candidates.to_table(columns=["kind", "iteration", *RANK_SCHEMA.names]))


def _write_kept(job: CurationJob, chunk: Chunk, cut: Cut) -> Counts:
    path = job.storage.path(f"{job.folder}/{CANDIDATES}/{chunk['file']}")
    candidates = pq.read_table(path, filesystem=job.storage.fs, partitioning=None)
    table, dropped = job.sampler.keep(candidates, cut)
    _write(job, chunk["file"], table.select(SCHEMA.names))
    return count(table, job.iteration, dropped)


def _write(job: CurationJob, file: str, table: pa.Table) -> None:
    with job.storage.fs.open_output_stream(job.storage.path(f"{job.folder}/{file}")) as stream:
        pq.write_table(table, stream)
