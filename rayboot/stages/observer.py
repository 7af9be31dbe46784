"""The interface of displays of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rayboot.metrics import MetricsRow

ProgressListener = Callable[[int, int], None]
"""Called with the number of finished units of work and the total number."""


class Observer(Protocol):
    """Displays a run: `rayboot.cli.display.Terminal` at the command line, `Silent` in programs and tests."""

    def stage(self, iteration: int, name: str) -> AbstractContextManager[ProgressListener]:
        """Return a context manager around the work of a stage; it yields a `ProgressListener`."""

    def iteration(self, rows: Sequence[MetricsRow]) -> None:
        """Display an iteration that ended, by its rows of metrics.jsonl."""


class Silent:
    """Displays nothing."""

    @contextmanager
    def stage(self, iteration: int, name: str) -> Iterator[ProgressListener]:
        yield lambda done, total: None

    def iteration(self, rows: Sequence[MetricsRow]) -> None:
        pass
