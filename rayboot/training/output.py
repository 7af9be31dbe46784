"""What a refit leaves: a checkpoint, and beside its weights the result, which says that it is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rayboot.storage import Storage, is_remote
from rayboot.training.job import RefitJob, RefitResult

RESULT_FILE = "refit.json"
"""File in a checkpoint that says of which job it is the output, and what came of it."""


def publish(directory: Path, job: RefitJob, result: RefitResult) -> None:
    """Move `directory` to the job's output, with the result, by which `finished_refit` knows it.

    It appears in one piece; in a store, which cannot do that, the result comes last.
    """
    kept = json.dumps({"job": job.identity(), "result": result.model_dump(mode="json")})
    if is_remote(job.output):
        store = Storage(job.output)
        store.remove("")
        store.upload(str(directory), "")
        store.write_text(RESULT_FILE, kept)
    else:
        (directory / RESULT_FILE).write_text(kept)
        _move(directory, Path(job.output))


def finished_refit(job: RefitJob) -> RefitResult | None:
    """The result of this very job if it was finished before: whoever asked for it may have died just then."""
    output = Storage(job.output)
    if not output.exists(RESULT_FILE):
        return None
    kept = json.loads(output.read_text(RESULT_FILE))
    return RefitResult.model_validate(kept["result"]) if kept["job"] == job.identity() else None


def _move(directory: Path, output: Path) -> None:
    aside = output.with_name(output.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.move(directory, aside)
    except OSError:
        # On another file system the move is a copy, and may be half of one.
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(output, ignore_errors=True)
    Storage(str(output.parent)).rename(aside.name, output.name)
