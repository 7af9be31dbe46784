"""Recorded attempts as sources of a comparison, wherever they lie below a folder."""

from __future__ import annotations

import json
from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from rayboot.compare.pool import Source
from rayboot.errors import UserError
from rayboot.evaluation.chains import CHAIN_COLUMNS
from rayboot.storage import Storage

READ = [*CHAIN_COLUMNS, "split", "weights_version"]


def recorded_sources(folder: str) -> list[Source]:
    """The attempts of every rollout and evaluation below a folder, or a URI, each split by itself.

    Raises:
        UserError: There are none, or they are of several models.
    """
    storage = Storage(folder)
    tables = _tables(storage)
    if not tables:
        raise UserError(
            f"{folder} holds no Parquet files of attempts: give a folder that rayboot evaluate --out, rayboot run or "
            "rayboot bench --out has written"
        )
    versions = sorted(
        {version for table in tables.values() for version in table["weights_version"].to_pylist()}
    )
    if len(versions) > 1:
        raise UserError(
            f"{folder} holds attempts of several models, with weights {', '.join(map(str, versions))}: give the "
            f"folder of one, such as {sorted(tables)[-1]}"
        )
    return [source for where, table in sorted(tables.items()) for source in _by_split(storage, where, table)]


def _tables(storage: Storage) -> dict[str, pa.Table]:
    """By the path of their folder; files that hold something else are passed over."""
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    selector = pafs.FileSelector(storage.root, recursive=True, allow_not_found=True)
    for info in sorted(storage.fs.get_file_info(selector), key=lambda info: str(info.path)):
        if info.path.endswith(".parquet") and _holds_attempts(storage, info.path):
            table = pq.read_table(info.path, filesystem=storage.fs, columns=READ, partitioning=None)
            parts[info.path.rpartition("/")[0]].append(table)
    return {where: pa.concat_tables(tables) for where, tables in parts.items()}


def _holds_attempts(storage: Storage, path: str) -> bool:
    return set(READ) <= set(pq.read_schema(path, filesystem=storage.fs).names)


def _by_split(storage: Storage, where: str, table: pa.Table) -> list[Source]:
    splits = sorted(set(table["split"].to_pylist()))
    if len(splits) == 1:
        return [Source(where, table, _seconds(storage, where))]
    return [Source(f"{where} ({split})", table.filter(pc.field("split") == split)) for split in splits]


def _seconds(storage: Storage, where: str) -> float | None:
    """What the stage took, by its marker, less the time until the engines had started."""
    marker = f"{where}.done"
    if storage.fs.get_file_info(marker).type == pafs.FileType.NotFound:
        return None
    with storage.fs.open_input_stream(marker) as stream:
        summary = json.loads(stream.read())
    return float(summary["seconds"]) - float(summary["publish_seconds"])
