"""Options that several commands have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rayboot.sandbox import Sandbox

SPEC_HELP = (
    "NAME:PATH, NAME:hub or NAME:hub:OWNER/NAME[:CONFIG], with /SPLIT at the end; or quickstart. NAME is mbpp, "
    "humaneval, mbxp, apps, humanevalpack, quixbugs, bigcodebench or jsonl (docs/benchmarks-data.md)."
)
Spec = Annotated[str, typer.Argument(help=SPEC_HELP)]
SpecOption = Annotated[str, typer.Option(help=SPEC_HELP)]
Overrides = Annotated[list[str] | None, typer.Argument(help="Recipe options, such as training.lr=1e-5.")]
Timeout = Annotated[
    float, typer.Option(help="Seconds for one program; waiting for busy processors does not count.")
]
Workers = Annotated[int, typer.Option(help="Programs that run at once; 0: one for each CPU.")]
Weak = Annotated[bool, typer.Option("--allow-weak", help="Run even where the sandbox is weak (tier C).")]
Preload = Annotated[
    list[str] | None,
    typer.Option(help="A module that programs may import beside the standard library; repeatable."),
]


@contextmanager
def opened_sandbox(
    workers: int, timeout: float, allow_weak: bool, preload: list[str] | None
) -> Iterator[Sandbox]:
    """A sandbox as the options ask for it."""
    from rayboot.sandbox import Limits, Sandbox

    limits = Limits(timeout=timeout)
    with Sandbox(workers or os.cpu_count() or 1, limits, allow_weak, preload=preload or ()) as sandbox:
        yield sandbox
