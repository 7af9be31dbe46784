"""Read the Parquet files of a training set. Imports no torch, because the driver checks them too."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from rayboot.errors import UserError

COLUMNS = ["prompt", "completion"]


def parquet_files(folder: str) -> list[Path]:
    """Return the files of a set, in the order in which they are read. Raise UserError if one cannot be used."""
    files = sorted(Path(folder).glob("*.parquet"))
    if not files:
        raise UserError(f"{folder}: a folder with Parquet files (*.parquet) was expected, and there are none")
    for file in files:
        try:
            schema = pq.read_schema(file)
        except Exception as error:
            raise UserError(f"{file}: not a readable Parquet file: {error}") from error
        missing = [column for column in COLUMNS if column not in schema.names]
        if missing:
            raise UserError(
                f"{file}: no column {' and '.join(missing)}; the columns are {', '.join(schema.names)}"
            )
    return files


def count_rows(files: list[Path]) -> int:
    return sum(pq.read_metadata(file).num_rows for file in files)


def read_pairs(files: list[Path]) -> list[tuple[str, str]]:
    """Return prompt and completion of every example, in the stored order."""
    pairs: list[tuple[str, str]] = []
    for file in files:
        table = pq.read_table(file, columns=COLUMNS)
        pairs += zip(*(table.column(column).to_pylist() for column in COLUMNS), strict=True)
    return pairs
