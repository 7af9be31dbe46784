"""The replay buffer: verified programs of a run's rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from rayboot.allocation import SKIPPED
from rayboot.problems.types import Language
from rayboot.replay.programs import normalised
from rayboot.rollout import SCHEMA, Attempt
from rayboot.storage import Storage


@dataclass(frozen=True)
class ReplayBuffer:
    """A view over the Parquet files of rollouts; it has no files of its own.

    The attempts are on disk anyway, and a rollout that is done never changes. So the buffer has nothing to copy,
    nothing to keep in step and nothing to lose: a resumed run finds the very buffer that the killed one had, and what
    is left out as a duplicate or by a bound is left out when a training set is made, never for good.
    """

    storage: Storage
    files: Sequence[str]
    """Paths on the storage's filesystem."""

    @classmethod
    def of(cls, storage: Storage, rollouts: Iterable[str]) -> ReplayBuffer:
        """The buffer of whole rollouts, given by the names of their folders."""
        found = [storage.fs.get_file_info(pafs.FileSelector(storage.path(rollout))) for rollout in rollouts]
        return cls(
            storage, sorted(info.path for infos in found for info in infos if info.path.endswith(".parquet"))
        )

    def attempts(self, where: pc.Expression, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
        """The attempts that meet a condition on the columns, in no particular order."""
        if not self.files:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        return self._dataset().to_table(columns=list(columns), filter=where)

    def solve_rates(self, ids: Sequence[str]) -> dict[str, float]:
        """For each of these problems, the share of all attempts made, repairs included, that passed."""
        where = pc.field("problem_id").isin(ids) & (pc.field("status") != SKIPPED)
        return solve_rates(self.attempts(where, ["problem_id", "status"]))

    def locate(self, chunks: Sequence[Sequence[str]]) -> list[list[str]]:
        """For each chunk of problem ids, the files with attempts on them: a file holds a few problems alone."""
        chunk_of = {id: number for number, ids in enumerate(chunks) for id in ids}
        files: list[set[str]] = [set() for _ in chunks]
        for batch in self._dataset().to_batches(columns=["problem_id", "__filename"]) if self.files else ():
            pairs = pa.Table.from_batches([batch]).group_by(batch.schema.names).aggregate([])
            for pair in pairs.to_pylist():
                if (number := chunk_of.get(pair["problem_id"])) is not None:
                    files[number].add(pair["__filename"])
        return [sorted(found) for found in files]

    def _dataset(self) -> pads.Dataset:
        return pads.dataset(list(self.files), format="parquet", filesystem=self.storage.fs, schema=SCHEMA)


def solve_rates(attempts: pa.Table) -> dict[str, float]:
    """For each problem, the share of its attempts that passed; none of them skipped."""
    passed = attempts.append_column("passed", pc.equal(attempts["status"], "passed").cast(pa.float64()))
    rates: pa.Table = passed.group_by("problem_id").aggregate([("passed", "mean")])
    return dict(zip(rates["problem_id"].to_pylist(), rates["passed_mean"].to_pylist(), strict=True))


def distinct_programs(
    attempts: Iterable[Attempt], language: Language, known: Iterable[str] = ()
) -> list[Attempt]:
    """The first attempt with each program, comments and layout aside, unless the program is among `known`."""
    seen = {normalised(program, language) for program in known}
    found: list[Attempt] = []
    for attempt in attempts:
        program = normalised(attempt.program, language)
        if program not in seen:
            seen.add(program)
            found.append(attempt)
    return found
