"""Build a training set as a Ray Data plan: attempts in, Parquet files of examples out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

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
from rayboot.curation.curate import SCHEMA, CuratedProblem, TrainingExample, curate_problem, reference_example
from rayboot.curation.sampling import RANK_SCHEMA, Cut, Sampler
from rayboot.pools.executor import ProblemTable
from rayboot.problems import Problem
from rayboot.rollout import PromptSource
from rayboot.storage import Storage
from rayboot.values import Frozen

PROBLEMS_PER_FILE = 512
CANDIDATES = "candidates"
"""Folder beside the training set's files, removed once they are written. A task never writes to the file that it reads,
so that Ray can run it again."""
CANDIDATES_SCHEMA = pa.schema([*SCHEMA, *RANK_SCHEMA])
"""Columns of a training set, and the rank by which global limits select examples."""


class Counts(Frozen):
    """Numbers of examples."""

    examples: dict[str, int] = Field(default_factory=dict)
    """In the training set, by kind; replayed examples count as `replay`."""
    replayed: dict[str, int] = Field(default_factory=dict)
    """Replayed, by the iteration that generated them."""
    dropped: dict[str, int] = Field(default_factory=dict)
    """Left out, by reason."""

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = self.model_dump(), other.model_dump()
        return Counts.model_validate({name: Counter(mine[name]) + Counter(theirs[name]) for name in mine})

    def summary(self) -> dict[str, dict[str, int]]:
        """Return the counts sorted by key, regardless of the order in which parts were added."""
        return {
            "examples": dict(sorted(self.examples.items())),
            "replayed": dict(sorted(self.replayed.items(), key=lambda item: int(item[0]))),
            "dropped": dict(sorted(self.dropped.items())),
        }


@dataclass(frozen=True)
class CurationJob:
    """The inputs and the output folder of an iteration's training set."""

    iteration: int
    seed: int
    options: CurationConfig
    prompts: PromptSource
    problem_table: ProblemTable
    storage: Storage
    folder: str
    """Output folder in `storage`; files of an interrupted run in it are removed."""
    rollouts: Sequence[str] = ()
    """Rollout folders in `storage`: of this iteration and, with the replay buffer, of earlier iterations. If there are
    none, the training set consists of references."""
    contaminated: frozenset[str] = frozenset()
    """Ids of problems to leave out."""

    @property
    def sampler(self) -> Sampler:
        return Sampler(self.options, self.iteration, self.seed)


class Chunk(TypedDict):
    """A part of a training set."""

    file: str
    """Name of the output file."""
    ids: Sequence[str]
    """Of problems."""
    files: Sequence[str]
    """Files with attempts on the problems."""


ProgressListener = Callable[[int, int], None]
"""Called with the number of problems done and the total number."""


def build_training_set(
    ids: Sequence[str], job: CurationJob, progress: ProgressListener = lambda done, total: None
) -> Counts:
    """Write the training set of these problems to the job's folder, with files and rows in the order of ids.

    Each task curates the attempts on `PROBLEMS_PER_FILE` problems. Global limits need two passes, in which the total of
    `progress` is twice the number of problems: the first writes candidates with their ranks, which determine the last
    rank to keep; the second writes the candidates up to it.
    """
    job.storage.remove(job.folder)
    job.storage.make_folder(job.folder)
    chunks = _chunks(sorted(ids), job)
    done, total = 0, len(ids) * (2 if job.sampler.bounded else 1)
    progress(done, total)

    def run_pass(write: Callable[[CurationJob, Chunk], Counts]) -> Counts:
        """Write every chunk, each in a task, and return the sum of the counts."""
        nonlocal done

        def run(chunk: Chunk) -> dict[str, object]:
            return {"counts": write(job, chunk).model_dump_json(), "problems": len(chunk["ids"])}

        counts = Counts()
        parts = ray.data.from_items(chunks, override_num_blocks=len(chunks))
        for row in parts.map(run).iter_rows():  # type: ignore[arg-type]  # each item is a Chunk
            counts += Counts.model_validate_json(row["counts"])
            done += row["problems"]
            progress(done, total)
        return counts

    if not job.sampler.bounded:
        return run_pass(_write_examples)
    job.storage.make_folder(f"{job.folder}/{CANDIDATES}")
    dropped = run_pass(_write_candidates)
    kept = run_pass(partial(_write_kept, cut=_cut(job)))
    job.storage.remove(f"{job.folder}/{CANDIDATES}")
    return dropped + kept


def build_reference_set(
    ids: Sequence[str],
    iteration: int,
    problem_table: ProblemTable,
    prompts: PromptSource,
    storage: Storage,
    folder: str,
    progress: ProgressListener = lambda done, total: None,
) -> Counts:
    """Write a training set of the problems' references on their first prompts, such as a validation set."""
    job = CurationJob(iteration, 0, CurationConfig(), prompts, problem_table, storage, folder)
    return build_training_set(ids, job, progress)


def _chunks(ids: Sequence[str], job: CurationJob) -> list[Chunk]:
    parts = [ids[start : start + PROBLEMS_PER_FILE] for start in range(0, len(ids), PROBLEMS_PER_FILE)]
    files_of_parts = ray.get(_locate.remote(job.storage, job.rollouts, parts))
    return [
        Chunk(file=f"{number:05d}.parquet", ids=part, files=files)
        for number, (part, files) in enumerate(zip(parts, files_of_parts, strict=True))
    ]


@ray.remote(num_cpus=0)
def _locate(storage: Storage, rollouts: Sequence[str], parts: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the files with attempts on each part. A task, so that the driver needs no memory for it."""
    return ReplayBuffer.of(storage, rollouts).locate(parts)


def _write_examples(job: CurationJob, chunk: Chunk) -> Counts:
    return _write_part(job, chunk, *_candidates(job, chunk))


def _write_candidates(job: CurationJob, chunk: Chunk) -> Counts:
    table, dropped = _candidates(job, chunk)
    _write(job, f"{CANDIDATES}/{chunk['file']}", table)
    return Counts(dropped=+dropped)


def _cut(job: CurationJob) -> Cut:
    folder = job.storage.path(f"{job.folder}/{CANDIDATES}")
    candidates = pads.dataset(folder, format="parquet", filesystem=job.storage.fs)
    return job.sampler.cut(candidates.to_table(columns=["kind", "iteration", *RANK_SCHEMA.names]))


def _write_kept(job: CurationJob, chunk: Chunk, cut: Cut) -> Counts:
    path = job.storage.path(f"{job.folder}/{CANDIDATES}/{chunk['file']}")
    candidates = pq.read_table(path, filesystem=job.storage.fs, partitioning=None)
    return _write_part(job, chunk, *job.sampler.keep(candidates, cut))


def _write_part(job: CurationJob, chunk: Chunk, table: pa.Table, dropped: Counter[str]) -> Counts:
    """Write a file of the training set, and return its counts."""
    _write(job, chunk["file"], table.select(SCHEMA.names))
    origins = list(zip(table["kind"].to_pylist(), table["iteration"].to_pylist(), strict=True))
    return Counts(
        examples=Counter("replay" if origin < job.iteration else kind for kind, origin in origins),
        replayed=Counter(str(origin) for _, origin in origins if origin < job.iteration),
        dropped=+dropped,
    )


def _write(job: CurationJob, file: str, table: pa.Table) -> None:
    with job.storage.fs.open_output_stream(job.storage.path(f"{job.folder}/{file}")) as stream:
        pq.write_table(table, stream)


def _candidates(job: CurationJob, chunk: Chunk) -> tuple[pa.Table, Counter[str]]:
    """Curate the attempts on a chunk's problems: return candidates before global limits, and the numbers dropped.

    The rows of the table, of `CANDIDATES_SCHEMA`, are in the order of the ids.
    """
    ids, sampler, prompts = chunk["ids"], job.sampler, job.prompts.builder
    problems: Mapping[str, Problem] = ray.get(job.problem_table)
    buffer = ReplayBuffer(job.storage, chunk["files"])
    attempts = _attempts(job, buffer, ids)
    examples: list[TrainingExample] = []
    dropped: Counter[str] = Counter()
    for id in ids:
        if job.rollouts:
            curated = curate_problem(problems[id], attempts[id], job.iteration, job.options, prompts)
        else:
            reference = reference_example(problems[id], job.iteration, prompts)
            curated = CuratedProblem([reference] if reference else [], Counter())
        dropped += curated.dropped
        if id in job.contaminated:
            dropped["contaminated"] += len(curated.examples)
        else:
            examples += curated.examples
    solve_rates = buffer.solve_rates(ids) if sampler.needs_solve_rates else {}
    rows = [
        {**example.model_dump(), **sampler.rank(example, solve_rates.get(example.problem_id))._asdict()}
        for example in examples
    ]
    return pa.Table.from_pylist(rows, schema=CANDIDATES_SCHEMA), dropped


def _attempts(job: CurationJob, buffer: ReplayBuffer, ids: Sequence[str]) -> dict[str, list[Attempt]]:
    """Return all of this iteration's attempts, and the verified ones of earlier iterations, by problem."""
    where = (pc.field("iteration") == job.iteration) | (pc.field("status") == "passed")
    by_problem = defaultdict(list)
    for row in buffer.attempts(pc.field("problem_id").isin(ids) & where).to_pylist():
        by_problem[row["problem_id"]].append(Attempt.model_validate(row))
    return by_problem
