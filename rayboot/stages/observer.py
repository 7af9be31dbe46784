"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rayboot.metrics import MetricsRow

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""


class Observer(Protocol):
    """Shows a run. The command line has one that draws; `Silent` is for programs and tests."""

    def stage(self, iteration: int, name: str) -> AbstractContextManager[Progress]:
        """A context manager around a stage that runs; gives a `Progress`."""

    def iteration(self, rows: Sequence[MetricsRow]) -> None:
        """An iteration ended: its rows of metrics.jsonl."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, iteration: int, name: str) -> Iterator[Progress]:
        yield lambda done, total: None

    def iteration(self, rows: Sequence[MetricsRow]) -> None:
        pass
