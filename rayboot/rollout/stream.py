"""The rollout of a set of problems as one Ray Data stream, from ids to Parquet.

Ray Data and PyArrow's datasets are imported in functions. Both import pandas; at the top of the module they would take
half of the start of each actor, which needs neither.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rayboot.attempts import SCHEMA, SKIPPED, Attempt, attempts_table, require_verdicts
from rayboot.config import RolloutConfig
from rayboot.errors import RaybootError
from rayboot.pools.executor import ExecutionPool, ProblemTable
from rayboot.pools.replica import GenerationPool
from rayboot.rollout.plans import PlanRunner
from rayboot.rollout.prompting import PromptSource
from rayboot.rollout.worker import RolloutSettings, RolloutWorker
from rayboot.storage import Storage

if TYPE_CHECKING:
    import pyarrow.dataset as pads

PROBLEMS_PER_BLOCK = 16
"""Most problems in one block of the stream."""

SANDBOX_ERROR = "sandbox_error"

BLOCKS_AHEAD = 2
"""Blocks of a worker per block that its problems in flight fill. Problems of the next block start as soon as single
ones end, so that no slot waits for the slowest problem of a block."""

WRITE_SECONDS = 0.5
"""Interval between two files of attempts, plus a hundredth of the stage's time so far."""
LONGEST_WRITE_SECONDS = 10.0
"""Longest interval between two files of attempts."""


def stream_rollout(
    problems: Iterable[tuple[str, str]],
    settings: RolloutSettings,
    *,
    streaming: RolloutConfig,
    prompts: PromptSource,
    problem_table: ProblemTable,
    pools: tuple[GenerationPool, ExecutionPool],
    storage: Storage,
    folder: str,
    progress: PlanRunner,
) -> None:
    """Sample, verify and repair every problem, and write all attempts as Parquet below `folder`.

    It is a plan for `Plans.run`.

    Each rollout is written soon after it is finished, and skipped when the plan is run again: after any interruption,
    little more than the requests in flight is repeated.

    Args:
        problems: Pairs of problem id and split.
        settings: How to sample and repair.
        streaming: Number of workers, and of problems in flight per worker.
        prompts: Tokenizer, token budget and few-shot examples.
        problem_table: All problems by id.
        pools: Generation replicas and sandbox executors.
        storage: Storage of the run.
        folder: Folder below `storage`.
        progress: The actor that runs the plan: workers deliver finished rollouts to it.
    """
    import ray.data

    wanted = list(problems)
    finished = finished_problems(storage, folder)
    if _drop_unjudged(storage, folder):
        finished = finished_problems(storage, folder)
    rows = [{"problem_id": id, "split": split} for id, split in wanted if (split, id) not in finished]
    if not rows:
        progress(len(wanted), len(wanted))
        return
    per_block = max(1, min(PROBLEMS_PER_BLOCK, streaming.problems_in_flight // 2))
    progress_actor = ray.get_runtime_context().current_actor
    max_programs = len(wanted) * settings.samples * (1 + settings.repair_rounds)
    stream = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // per_block)).map_batches(
        RolloutWorker,
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
        num_cpus=0,
        compute=ray.data.ActorPoolStrategy(
            size=streaming.workers,
            max_concurrent_calls_per_actor=BLOCKS_AHEAD * max(1, streaming.problems_in_flight // per_block),
        ),
        fn_constructor_args=(
            settings,
            prompts,
            [problem_table],
            pools,
            progress_actor,
            streaming.problems_in_flight,
            max_programs,
        ),
    )
    with RolloutWriter(storage, folder) as writer:
        progress(len(wanted) - len(rows), len(wanted), writer.add)
        stream.materialize()


class RolloutWriter:
    """Writes finished rollouts in a background thread, all that were added since the last file into the next."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self._queue: deque[Sequence[Attempt]] = deque()
        self._error: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_regularly, daemon=True)

    def add(self, rollout: Sequence[Attempt]) -> None:
        """Queue the attempts on one problem. Raise the error of an earlier write, if any."""
        if self._error is not None:
            raise self._error
        self._queue.append(rollout)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _write_regularly(self) -> None:
        began = time.monotonic()
        try:
            while not self._ended.wait(
                min(WRITE_SECONDS + (time.monotonic() - began) / 100, LONGEST_WRITE_SECONDS)
            ):
                self._write()
            self._write()
        except Exception as error:
            self._error = error

    def _write(self) -> None:
        rollouts = [self._queue.popleft() for _ in range(len(self._queue))]
        if rollouts:
            _write_file(
                self._storage, f"{self._folder}/{uuid.uuid4().hex}.parquet", attempts_table(*rollouts)
            )


def finished_problems(storage: Storage, folder: str) -> set[tuple[str, str]]:
    """Return pairs of split and problem id of the complete rollouts below `folder`.

    Files of an interrupted writer are removed: those without a footer, and those with an incomplete rollout.
    """
    finished: set[tuple[str, str]] = set()
    for path in (info.path for info in storage.files(folder)):
        complete = _complete_rollouts(storage, path)
        if complete is None:
            storage.fs.delete_file(path)
        else:
            finished |= complete
    return finished


def unjudged_programs(storage: Storage, folder: str) -> tuple[Counter[str], int]:
    """Return the programs below `folder` that the sandbox could not judge, by message, and the number of programs."""
    attempts = read_attempts(storage, folder, ["status", "message"], where=pc.field("status") != SKIPPED)
    unjudged = attempts.filter(pc.field("status") == SANDBOX_ERROR)
    return Counter(unjudged["message"].to_pylist()), attempts.num_rows


def read_attempts(
    storage: Storage, folder: str, columns: list[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Return the attempts below `folder`, in the order of split, problem, sample and round.

    Args:
        columns: The columns to read; all by default.
        where: A condition on the columns.
    """
    order = ["split", "problem_id", "sample", "round"]
    table = _dataset(storage, folder).to_table(
        columns=None if columns is None else [*{*columns, *order}], filter=where
    )
    return table.sort_by([(column, "ascending") for column in order])


def _drop_unjudged(storage: Storage, folder: str) -> bool:
    """Remove rollouts with unjudged programs if they are enough to fail the stage; return whether they are."""
    try:
        require_verdicts(*unjudged_programs(storage, folder))
    except RaybootError:
        for path in (info.path for info in storage.files(folder)):
            _keep_judged(storage, path)
        return True
    return False


def _keep_judged(storage: Storage, path: str) -> None:
    table = pq.read_table(path, filesystem=storage.fs, partitioning=None)
    keys = pc.binary_join_element_wise(table["split"], table["problem_id"], "\n")
    unjudged = keys.filter(pc.equal(table["status"], SANDBOX_ERROR))
    _write_file(
        storage, path.removeprefix(storage.path("") + "/"), table.filter(pc.invert(pc.is_in(keys, unjudged)))
    )


def _write_file(storage: Storage, name: str, table: pa.Table) -> None:
    content = pa.BufferOutputStream()
    pq.write_table(table, content)
    storage.write_bytes(name, content.getvalue())


def _dataset(storage: Storage, folder: str) -> pads.Dataset:
    import pyarrow.dataset as pads

    return pads.dataset(storage.path(folder), format="parquet", filesystem=storage.fs, schema=SCHEMA)


def _complete_rollouts(storage: Storage, path: str) -> set[tuple[str, str]] | None:
    """Return split and problem id of a file's rollouts; None if it is not Parquet, or one of them is incomplete.

    Raise OSError if the file cannot be read now, whatever its content.
    """
    with storage.fs.open_input_file(path) as file:
        content = file.read_buffer()
    try:
        table = pq.read_table(pa.BufferReader(content), columns=["split", "problem_id", "rollout_size"])
    except (pa.ArrowInvalid, OSError):  # the bytes are in memory, so this is not an error of the storage
        return None
    sizes = {(row["split"], row["problem_id"]): row["rollout_size"] for row in table.to_pylist()}
    return set(sizes) if table.num_rows == sum(sizes.values()) else None
