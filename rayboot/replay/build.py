"""Training sets as Ray Data plans: attempts in, Parquet files of examples out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import ray
import ray.data

from rayboot.config import CurationConfig
from rayboot.observer import Progress
from rayboot.replay.buffer import ReplayBuffer
from rayboot.replay.candidates import make_candidates
from rayboot.replay.counts import Counts, count
from rayboot.replay.examples import SCHEMA
from rayboot.replay.job import CurationJob
from rayboot.replay.sampling import RANK_SCHEMA, Cut
from rayboot.rollout import PromptSource
from rayboot.storage import Storage

PROBLEMS_PER_FILE = 512
CANDIDATES = "candidates"
"""Folder beside the training set's files, gone when they are made. A task writes to another file than it reads, so
that it can be done again."""

Chunk = dict[str, Any]
"""A part of a training set: its `file`, the `ids` of its problems, and the `files` with attempts on them."""
Work = Callable[[CurationJob, Chunk], Counts]


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
    problems: Any,
    prompts: PromptSource,
    storage: Storage,
    folder: str,
    progress: Progress = lambda done, total: None,
) -> Counts:
    """Write the references of the problems on their first prompts, as for validation."""
    job = CurationJob(iteration, 0, CurationConfig(), prompts, problems, storage, folder)
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
