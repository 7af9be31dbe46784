"""Run Ray Data plans in a helper process beside the driver.

`ray.shutdown` does not wait for Ray Data's threads: one that is in a Ray call meanwhile reads freed memory, and the
process aborts. In a helper process, that process is not the driver.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError

from rayboot.errors import RaybootError
from rayboot.pools.cluster import start_beside_driver
from rayboot.pools.failures import named

TRIES = 3
"""Number of helpers that a plan may lose before it fails."""
READ_SECONDS = 0.3
"""Interval at which the driver reads the progress."""
MEANWHILE_SECONDS = 2.0
"""Interval at which the driver calls `meanwhile`."""

log = logging.getLogger("rayboot")


class Progress:
    """Progress of a plan in items. Workers in other processes deliver finished items through `PlanRunner.add`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self(0, 0)

    def __call__(self, done: int, total: int, receive: Callable[[Any], None] | None = None) -> None:
        """Set the number of items done before and in total; `receive` is called with the result of each other item."""
        self._before, self._total, self._receive = done, total, receive
        self._done: set[str] = set()

    def add(self, item: str, result: Any) -> None:
        """Record a finished item. One that is finished again, after the loss of its worker, counts once."""
        with self._lock:
            if item not in self._done and self._receive is not None:
                self._receive(result)
            self._done.add(item)

    def finished(self, items: Sequence[str]) -> set[str]:
        """Return those of the items that are finished."""
        return self._done.intersection(items)

    def read(self) -> tuple[int, int]:
        """Return the number of finished items and the total."""
        return min(self._before + len(self._done), self._total), self._total


class PlanRunner(Progress):
    """A Ray actor that runs one plan after another, and records the progress of the current one."""

    def __init__(self) -> None:
        super().__init__()
        silence_ray_data()

    def run(
        self, what: str, plan: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        with named(what):
            return plan(*args, progress=self, **keywords)


class Plans:
    """The driver's side. If a helper is lost, a new one runs its plan again, which resumes from its files."""

    def __init__(self) -> None:
        self._runner: Any = None

    def start(self) -> None:
        """Start the helper in the background."""
        if self._runner is None:
            self._runner = start_beside_driver(PlanRunner, max_concurrency=4)

    def run(
        self,
        what: str,
        plan: Callable[..., Any],
        *args: Any,
        progress: Callable[[int, int], None] = lambda done, total: None,
        meanwhile: Callable[[], None] = lambda: None,
        **keywords: Any,
    ) -> Any:
        """Call `plan(*args, progress=..., **keywords)` in the helper, and return what it returns.

        Args:
            what: Name of the plan in error messages.
            plan: A function that can be called again after an interruption.
            args: Positional arguments of `plan`.
            progress: Called regularly with the number of finished items and the total.
            meanwhile: Called regularly while the plan runs; its errors end the wait.
            keywords: Further keyword arguments of `plan`.

        Raises:
            RaybootError: The plan failed, or lost its helper `TRIES` times.
        """
        for _ in range(TRIES):
            self.start()
            try:
                return self._follow(what, plan, args, keywords, progress, meanwhile)
            except RayActorError as error:
                if error.actor_init_failed:
                    raise
                log.warning(f"the helper process of {what} was lost; another goes on")
                self._runner = None
        raise RaybootError(f"{what} lost its helper process {TRIES} times; the machine may lack memory")

    def close(self) -> None:
        """Kill the helper and the plan that it runs."""
        if self._runner is not None:
            ray.kill(self._runner)
            self._runner = None

    def _follow(
        self,
        what: str,
        plan: Callable[..., Any],
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        progress: Callable[[int, int], None],
        meanwhile: Callable[[], None],
    ) -> Any:
        running = self._runner.run.remote(what, plan, args, keywords)
        called = time.monotonic()
        while not ray.wait([running], timeout=READ_SECONDS)[0]:
            done, total = ray.get(self._runner.read.remote())
            if total:
                progress(done, total)
            if time.monotonic() - called > MEANWHILE_SECONDS:
                meanwhile()
                called = time.monotonic()
        result = ray.get(running)
        _, total = ray.get(self._runner.read.remote())
        progress(total, total)
        return result


def silence_ray_data() -> None:
    """Turn off Ray Data's progress bars, messages and memory polling in this process."""
    import ray.data  # at the top, each actor would import it too

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.verbose_progress = False
    context.memory_usage_poll_interval_s = None  # else each block in flight has a thread
    logging.getLogger("ray.data").setLevel(logging.ERROR)
