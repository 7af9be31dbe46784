"""The replay buffer: the attempts of a run's rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from rayboot.attempts import SCHEMA, SKIPPED
from rayboot.storage import Storage


@dataclass(frozen=True)
class ReplayBuffer:
    """A view over the Parquet files of rollouts, without files of the buffer itself.

    A finished rollout never changes, so nothing is copied or synchronised, and a resumed run finds the same buffer.
    Duplicates and programs beyond a limit are dropped from a training set, never from the buffer.
    """

    storage: Storage
    files: Sequence[str]
    """Paths on the filesystem of `storage`."""

    @classmethod
    def of(cls, storage: Storage, rollouts: Iterable[str]) -> ReplayBuffer:
        """Return the buffer of finished rollouts, given by the names of their folders."""
        folders = [pafs.FileSelector(storage.path(rollout)) for rollout in rollouts]
        paths = [info.path for folder in folders for info in storage.fs.get_file_info(folder)]
        return cls(storage, sorted(path for path in paths if path.endswith(".parquet")))

    def attempts(self, where: pc.Expression, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
        """Return the attempts that meet a condition on the columns, in no particular order."""
        if not self.files:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        return self._dataset().to_table(columns=list(columns), filter=where)

    def solve_rates(self, ids: Sequence[str]) -> dict[str, float]:
        """Return the share of generated attempts, repairs included, that passed, for each of these problems."""
        where = pc.field("problem_id").isin(ids) & (pc.field("status") != SKIPPED)
        return solve_rates(self.attempts(where, ["problem_id", "status"]))

    def locate(self, chunks: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the files with attempts on each chunk of problem ids: a file holds the attempts on a few problems."""
        chunk_of = {id: number for number, ids in enumerate(chunks) for id in ids}
        files: list[set[str]] = [set() for _ in chunks]
        for batch in self._dataset().to_batches(columns=["problem_id", "__filename"]) if self.files else ():
            pairs = pa.Table.from_batches([batch]).group_by(batch.schema.names).aggregate([])
            for pair in pairs.to_pylist():
                if (number := chunk_of.get(pair["problem_id"])) is not None:
                    files[number].add(pair["__filename"])
        return [sorted(paths) for paths in files]

    def _dataset(self) -> pads.Dataset:
        return pads.dataset(list(self.files), format="parquet", filesystem=self.storage.fs, schema=SCHEMA)


def solve_rates(attempts: pa.Table) -> dict[str, float]:
    """Return the share of attempts that passed, for each problem. The table must not hold skipped attempts."""
    passed = attempts.append_column("passed", pc.equal(attempts["status"], "passed").cast(pa.float64()))
    rates: pa.Table = passed.group_by("problem_id").aggregate([("passed", "mean")])
    return dict(zip(rates["problem_id"].to_pylist(), rates["passed_mean"].to_pylist(), strict=True))
