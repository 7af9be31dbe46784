"""Where reports are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rayboot.errors import UserError
from rayboot.report.page import render
from rayboot.report.read import read_runs
from rayboot.storage import Storage

NAME = "report.html"


def write_report(storage: Storage) -> str:
    """Write the report of the run in this folder as its `report.html`; its path or URI."""
    storage.write_text(NAME, render(read_runs([storage.uri("")])))
    return storage.uri(NAME)


def report_runs(runs: Sequence[str], out: Path | None = None) -> str:
    """Write one page on one run, or on several compared.

    Args:
        runs: Run directories, or their URIs.
        out: The file to write; by default `report.html`, of one run in its own folder, of several in this one.

    Returns:
        The page's path or URI.

    Raises:
        UserError: One is no run directory or is named twice, or `out` is a folder or cannot be written.
    """
    records = read_runs(runs)
    if out is None:
        folder, name = Storage(runs[0] if len(runs) == 1 else "."), NAME
    elif out.is_dir():
        raise UserError(f"{out} is a folder: give the name of a file, such as {out / NAME}")
    else:
        folder, name = Storage(str(out.parent)), out.name
    folder.require_writable()
    folder.write_text(name, render(records))
    return folder.uri(name)
