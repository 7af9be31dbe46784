"""Training sets as Ray Data plans: attempts in, Parquet files of examples out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, get_args

import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
import ray.data

from rayboot.config import CurationConfig
from rayboot.problems.types import Problem
from rayboot.replay.curate import curate_problem, reference_example
from rayboot.replay.examples import Kind, TrainingExample, examples_table
from rayboot.rollout import Attempt, PromptSource, read_attempts
from rayboot.storage import Storage

PROBLEMS_PER_FILE = 512
COUNTED = (*get_args(Kind), "replay")

MakeExamples = Callable[[Sequence[Problem]], list[TrainingExample]]


def build_training_set(
    ids: Sequence[str],
    rollouts: Sequence[str],
    iteration: int,
    options: CurationConfig,
    problems: Any,
    prompts: PromptSource,
    storage: Storage,
    folder: str,
) -> Counter[str]:
    """Curate the attempts of `rollouts` and write the training set below `folder`.

    Args:
        ids: The training problems.
        rollouts: Names of rollout folders below `storage`: this iteration's, and with the replay buffer on those of
            earlier iterations, whose verified programs are the buffer.
        problems: ObjectRef of a mapping from id to `Problem`.

    Returns:
        Number of examples by kind; replayed ones count as `replay`.
    """

    def make(chunk: Sequence[Problem]) -> list[TrainingExample]:
        attempts = _attempts_by_problem(storage, rollouts, chunk)
        return [
            example
            for problem in chunk
            for example in curate_problem(
                problem, attempts.get(problem.id, []), iteration, options, prompts.builder
            )
        ]

    return _build(ids, iteration, problems, make, storage, folder)


def build_reference_set(
    ids: Sequence[str], iteration: int, problems: Any, prompts: PromptSource, storage: Storage, folder: str
) -> Counter[str]:
    """Write the references of the problems on their first prompts: the baseline's training set, or validation's."""

    def make(chunk: Sequence[Problem]) -> list[TrainingExample]:
        examples = (reference_example(problem, iteration, prompts.builder) for problem in chunk)
        return [example for example in examples if example is not None]

    return _build(ids, iteration, problems, make, storage, folder)


def _build(
    ids: Sequence[str], iteration: int, problems: Any, make: MakeExamples, storage: Storage, folder: str
) -> Counter[str]:
    """Make the examples of so many problems at a time, a file each; files and rows are in the order of ids."""
    storage.remove(folder)  # an interrupted run's leavings
    storage.make_folder(folder)
    ordered = sorted(ids)
    chunks = [
        {
            "file": f"{folder}/{start // PROBLEMS_PER_FILE:05d}.parquet",
            "ids": ordered[start : start + PROBLEMS_PER_FILE],
        }
        for start in range(0, len(ordered), PROBLEMS_PER_FILE)
    ]
    # The reference travels inside a list: bare, it would be resolved for each task.
    write = partial(_write_chunk, problems=[problems], make=make, storage=storage, iteration=iteration)
    written = ray.data.from_items(chunks, override_num_blocks=len(chunks)).map(write).take_all()
    counts: Counter[str] = Counter()
    for row in written:
        counts.update({kind: row[kind] for kind in row if row[kind]})
    return counts


def _write_chunk(
    row: dict[str, Any], problems: list[Any], make: MakeExamples, storage: Storage, iteration: int
) -> dict[str, int]:
    known: Mapping[str, Problem] = ray.get(problems[0])
    examples = make([known[id] for id in row["ids"]])
    with storage.fs.open_output_stream(storage.path(row["file"])) as stream:
        pq.write_table(examples_table(examples), stream)
    counts = Counter("replay" if example.iteration < iteration else example.kind for example in examples)
    return {kind: counts[kind] for kind in COUNTED}


def _attempts_by_problem(
    storage: Storage, rollouts: Sequence[str], problems: Sequence[Problem]
) -> dict[str, list[Attempt]]:
    wanted = pc.field("problem_id").isin([problem.id for problem in problems])
    rows = [row for rollout in rollouts for row in read_attempts(storage, rollout, where=wanted).to_pylist()]
    rows.sort(key=itemgetter("problem_id"))
    grouped = groupby(rows, key=itemgetter("problem_id"))
    return {id: [Attempt.model_validate(row) for row in group] for id, group in grouped}
