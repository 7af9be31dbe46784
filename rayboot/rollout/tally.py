"""How far a rollout has come: counted where the work is done, read by whoever shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from rayboot.cluster import start_beside_driver


class Tally:
    """A Ray actor that counts the finished problems of one rollout after the other."""

    def __init__(self) -> None:
        self._done = 0

    def reset(self, done: int) -> None:
        self._done = done

    def add(self, problems: int) -> None:
        self._done += problems

    def read(self) -> int:
        return self._done


def start_tally() -> Any:
    """Start the actor."""
    return start_beside_driver(Tally)


@contextmanager
def watched(
    tally: Any, total: int, progress: Callable[[int, int], None], every: float = 0.3
) -> Iterator[None]:
    """Report the tally to `progress` every so many seconds while the block runs, and once when it ends."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            progress(ray.get(tally.read.remote()), total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    progress(total, total)
