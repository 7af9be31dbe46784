"""Ray Data plans, run by a helper process beside the driver.

Ray Data works in threads of its own, which `ray.shutdown` does not wait for: one that is in a call of Ray's meanwhile
reads freed memory, and the process aborts. So they are not the driver's.
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
"""Times that a plan may lose its helper."""
READ_SECONDS = 0.3
MEANWHILE_SECONDS = 2.0

log = logging.getLogger("rayboot")


class Progress:
    """How far a plan has come. Workers bring items from other processes, through `PlanRunner.add`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self(0, 0)

    def __call__(self, done: int, total: int, take: Callable[[Any], None] | None = None) -> None:
        """Say how many items were done before, of how many; `take` gets what each other item has brought."""
        self._before, self._total, self._take = done, total, take
        self._done: set[str] = set()

    def add(self, item: str, brought: Any) -> None:
        """An item is finished. One that was lost with its worker, and is finished again, counts once."""
        with self._lock:
            if item not in self._done and self._take is not None:
                self._take(brought)
            self._done.add(item)

    def finished(self, items: Sequence[str]) -> set[str]:
        """Those of the items that were brought already."""
        return self._done.intersection(items)

    def read(self) -> tuple[int, int]:
        """Items finished, and items in all."""
        return min(self._before + len(self._done), self._total), self._total


class PlanRunner(Progress):
    """A Ray actor that runs one plan after the other, and knows how far it has come."""

    def __init__(self) -> None:
        super().__init__()
        calm_ray_data()

    def run(
        self, what: str, plan: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        with named(what):
            return plan(*args, progress=self, **keywords)


class Plans:
    """The driver's side. A plan whose helper is lost is run again by a new one, and goes on where files tell."""

    def __init__(self) -> None:
        self._runner: Any = None

    def start(self) -> None:
        """Have the helper start, and do not wait for it."""
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
            what: What an error message says has failed.
            plan: A function that can be called again after it was cut off.
            progress: Told now and then how much is done, of how much.
            meanwhile: Called now and then while the plan runs; its errors end the wait.
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
        """End the helper, and with it whatever it runs."""
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
        looked = time.monotonic()
        while not ray.wait([running], timeout=READ_SECONDS)[0]:
            done, total = ray.get(self._runner.read.remote())
            if total:
                progress(done, total)
            if time.monotonic() - looked > MEANWHILE_SECONDS:
                meanwhile()
                looked = time.monotonic()
        result = ray.get(running)
        _, total = ray.get(self._runner.read.remote())
        progress(total, total)
        return result


def calm_ray_data() -> None:
    """Keep Ray Data's own progress bars, notices and needless threads away from this process."""
    import ray.data  # here, because each actor would import it too

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.verbose_progress = False
    context.memory_usage_poll_interval_s = None  # else a thread for each block in flight
    logging.getLogger("ray.data").setLevel(logging.ERROR)
