"""Jobs through the sandbox in batches, as a stream in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from rayboot.sandbox import Job, Sandbox, Verdict

BATCH = 512
"""Large, since a batch ends with its slowest program; small enough for progress to be seen."""

Progress = Callable[[int], None]
"""Told how many more programs were run."""


def run_in_batches(
    jobs: Sequence[Job], sandbox: Sandbox, batch: int = BATCH, progress: Progress | None = None
) -> Iterator[Verdict]:
    """The verdicts of `jobs`, in their order, as each batch ends."""
    remaining = iter(jobs)
    while chunk := list(islice(remaining, batch)):
        verdicts = sandbox.run_many(chunk)
        if progress:
            progress(len(chunk))
        yield from verdicts
