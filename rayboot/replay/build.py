"""Training sets as Ray Data plans: attempts in, one Parquet file of examples out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import ray
import ray.data

from rayboot.config import CurationConfig
from rayboot.problems.types import Problem
from rayboot.replay.curate import curate_problem, reference_example
from rayboot.replay.examples import SCHEMA, examples_table
from rayboot.rollout import Attempt, PromptSource
from rayboot.storage import Storage

PROBLEMS_PER_TASK = 512
ORDER = ["problem_id", "iteration", "sample", "round", "kind"]


def build_training_set(
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
        rollouts: Names of rollout folders below `storage`: this iteration's, and with the replay buffer on those of
            earlier iterations, whose verified programs are the buffer.
        problems: ObjectRef of a mapping from id to `Problem`.

    Returns:
        Number of examples by kind; replayed ones count as `replay`.
    """
    attempts = ray.data.read_parquet(
        [storage.path(rollout) for rollout in rollouts], filesystem=storage.fs, file_extensions=["parquet"]
    )
    curated = attempts.groupby("problem_id").map_groups(
        partial(_curate_group, problems=[problems], iteration=iteration, options=options, prompts=prompts),
        batch_format="pyarrow",
    )
    return _write(curated, iteration, storage, folder)


def build_reference_set(
    ids: Sequence[str], iteration: int, problems: Any, prompts: PromptSource, storage: Storage, folder: str
) -> Counter[str]:
    """Write the references of the problems on their first prompts: the baseline's training set, or validation's."""
    stream = ray.data.from_items([{"problem_id": id} for id in ids]).map_batches(
        partial(_reference_batch, problems=[problems], iteration=iteration, prompts=prompts),
        batch_size=PROBLEMS_PER_TASK,
        batch_format="pyarrow",
    )
    return _write(stream, iteration, storage, folder)


def _curate_group(
    group: pa.Table, problems: list[Any], iteration: int, options: CurationConfig, prompts: PromptSource
) -> pa.Table:
    attempts = [Attempt.model_validate(row) for row in group.to_pylist()]
    known: Mapping[str, Problem] = ray.get(problems[0])
    problem = known[attempts[0].problem_id]
    return examples_table(curate_problem(problem, attempts, iteration, options, prompts.builder))


def _reference_batch(batch: pa.Table, problems: list[Any], iteration: int, prompts: PromptSource) -> pa.Table:
    known: Mapping[str, Problem] = ray.get(problems[0])
    examples = (
        reference_example(known[id], iteration, prompts.builder) for id in batch["problem_id"].to_pylist()
    )
    return examples_table([example for example in examples if example is not None])


def _write(stream: ray.data.Dataset, iteration: int, storage: Storage, folder: str) -> Counter[str]:
    """Write the examples as one file, in an order that does not depend on how they were made, and count them."""
    path = storage.path(folder)
    storage.remove(folder)  # an interrupted run's leavings
    storage.make_folder(folder)
    stream.sort(ORDER).repartition(1).write_parquet(
        path, filesystem=storage.fs, ray_remote_args={"num_cpus": 0}
    )
    counted = pads.dataset(path, filesystem=storage.fs, schema=SCHEMA).to_table(columns=["kind", "iteration"])
    rows = zip(counted["kind"].to_pylist(), counted["iteration"].to_pylist(), strict=True)
    return Counter("replay" if source < iteration else kind for kind, source in rows)
