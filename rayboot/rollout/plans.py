"""Run Ray Data plans in a helper process beside the driver.

`ray.shutdown` does not wait for Ray Data's threads: one that is in a Ray call meanwhile reads freed memory, and the
process aborts. In a helper process, that process is not the driver.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError

from rayboot.attempts import Attempt
from rayboot.errors import RaybootError
from rayboot.pools.actors import remote
from rayboot.pools.cluster import DATA_TASKS_CPUS, start_beside_driver
from rayboot.pools.failures import named
from rayboot.pools.resources import ABOUT_TO_START, PENDING_SECONDS, why_pending

TRIES = 3
"""Number of helpers that a plan may lose before it fails."""
READ_SECONDS = 0.3
"""Interval at which the driver reads the progress."""
MEANWHILE_SECONDS = 2.0
"""Interval at which the driver calls `meanwhile`."""

TASK = {"CPU": DATA_TASKS_CPUS}

log = logging.getLogger("rayboot")


Result = TypeVar("Result", covariant=True)


class Plan(Protocol[Result]):
    """A function that can be called again after an interruption."""

    def __call__(self, *, progress: PlanRunner) -> Result: ...


class PlanRunner:
    """A Ray actor that runs one plan after another, and records the progress of the current one in items, such as
    problems. The plan's workers deliver finished items by `add`."""

    def __init__(self) -> None:
        silence_ray_data()
        self._lock = threading.Lock()
        self(0, 0)

    def run(self, what: str, plan: Plan[Result]) -> Result:
        with named(what):
            return plan(progress=self)

    def __call__(
        self, done: int, total: int, receive: Callable[[Sequence[Attempt]], None] | None = None
    ) -> None:
        """Set the items done before and in total; `receive` is called with the attempts of each other item."""
        self._before, self._total, self._receive = done, total, receive
        self._done: set[str] = set()

    def add(self, item: str, attempts: Sequence[Attempt]) -> None:
        """Record a finished item. One that is finished again, after the loss of its worker, counts once."""
        with self._lock:
            if item not in self._done and self._receive is not None:
                self._receive(attempts)
            self._done.add(item)

    def finished(self, items: Sequence[str]) -> set[str]:
        """Return those of the items that are finished."""
        return self._done.intersection(items)

    def read(self) -> tuple[int, int]:
        """Return the number of finished items and the total."""
        return min(self._before + len(self._done), self._total), self._total


class Plans:
    """The driver's side. If a helper is lost, a new one runs its plan again, which resumes from its files."""

    def __init__(self) -> None:
        self._runner: ActorHandle[PlanRunner] | None = None

    def start(self) -> ActorHandle[PlanRunner]:
        """Return the helper; start it in the background if there is none."""
        if self._runner is None:
            self._runner = start_beside_driver(PlanRunner, max_concurrency=4)
        return self._runner

    def run(
        self,
        what: str,
        plan: Plan[Result],
        progress: Callable[[int, int], None] = lambda done, total: None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Result:
        """Call the plan in the helper, and return what it returns.

        Args:
            what: Name of the plan in error messages.
            plan: The plan, such as a `functools.partial` of a function with the keyword `progress`.
            progress: Called regularly with the number of finished items and the total.
            meanwhile: Called regularly while the plan runs; its errors end the wait.

        Raise RaybootError if the plan failed, or lost its helper `TRIES` times.
        """
        for _ in range(TRIES):
            try:
                return self._follow(self.start(), what, plan, progress, meanwhile)
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
        runner: ActorHandle[PlanRunner],
        what: str,
        plan: Plan[Result],
        progress: Callable[[int, int], None],
        meanwhile: Callable[[], None],
    ) -> Result:
        running = remote(runner, PlanRunner.run, what, plan)
        began = called = time.monotonic()
        first: tuple[int, int] | None = None
        reported = False
        while not ray.wait([running], timeout=READ_SECONDS)[0]:
            done, total = ray.get(remote(runner, PlanRunner.read))
            if total:
                progress(done, total)
                first = first or (done, total)
            begins = first is None or first == (done, total)
            if begins and not reported and time.monotonic() - began > PENDING_SECONDS:
                reported = (why := why_pending(TASK)) != ABOUT_TO_START
                if reported:
                    log.warning(f"{what} waits for resources: {why}")
            if time.monotonic() - called > MEANWHILE_SECONDS:
                meanwhile()
                called = time.monotonic()
        result = ray.get(running)
        _, total = ray.get(remote(runner, PlanRunner.read))
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
