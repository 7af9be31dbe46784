"""Options that commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rayboot.errors import UserError

if TYPE_CHECKING:
    from rayboot.sandbox.sandbox import Sandbox

SPEC_HELP = (
    "NAME:PATH, NAME:hub, NAME:hub:OWNER/NAME[:CONFIG] or quickstart, optionally followed by /SPLIT. NAME is "
    "mbpp, humaneval, mbxp, apps, humanevalpack, quixbugs, bigcodebench or jsonl (docs/benchmarks-data.md)."
)
Spec = Annotated[str, typer.Argument(help=SPEC_HELP)]
SpecOption = Annotated[str, typer.Option(help=SPEC_HELP)]
Overrides = Annotated[list[str] | None, typer.Argument(help="Recipe options, such as training.lr=1e-5.")]
EvaluationOverrides = Annotated[
    list[str] | None, typer.Argument(help="Recipe options, such as generation.batch_size=64.")
]
Timeout = Annotated[
    float, typer.Option(help="Seconds for one program; time spent waiting for a busy CPU does not count.")
]
Workers = Annotated[int, typer.Option(help="Number of programs that run at once; 0: one per CPU.")]
Weak = Annotated[bool, typer.Option("--allow-weak", help="Run even with weak isolation (tier C).")]
Preload = Annotated[
    list[str] | None,
    typer.Option(help="Module outside the standard library that programs may import; repeatable."),
]


def check_out(out: Path | None, new_folders: bool = False) -> None:
    """Raise a `UserError` if --out, a file or a new folder, cannot be written, before anything is computed for it.

    Args:
        new_folders: Whether missing folders above it will be created.
    """
    if out is None:
        return
    above = next(folder for folder in out.absolute().parents if folder.exists() or not new_folders)
    if not above.exists():
        raise UserError(f"--out {out}: there is no folder {above}; create it first, or give another path")
    if not above.is_dir():
        raise UserError(f"--out {out}: {above} is a file, not a folder")
    if not os.access(out if out.exists() else above, os.W_OK):
        raise UserError(
            f"--out {out} cannot be written: permission denied; give a path that you may write to"
        )


def check_out_file(out: Path | None, new_folders: bool = False) -> None:
    """Raise a `UserError` if --out cannot be written or is a folder; see `check_out`."""
    check_out(out, new_folders)
    if out is not None and out.is_dir():
        raise UserError(f"--out {out} is a folder: give the name of a file")


@contextmanager
def open_sandbox(
    workers: int, timeout: float, allow_weak: bool, preload: list[str] | None
) -> Iterator[Sandbox]:
    """Open a sandbox with the options of a command; raise UserError if `timeout` is not a positive number."""
    from rayboot.sandbox.sandbox import Sandbox
    from rayboot.sandbox.verdict import Limits

    if not 0 < timeout < float("inf"):
        raise UserError(f"--timeout {timeout:g}: give a number of seconds above 0")
    limits = Limits(timeout=timeout)
    with Sandbox(workers or os.cpu_count() or 1, limits, allow_weak, preload=preload or ()) as sandbox:
        yield sandbox
