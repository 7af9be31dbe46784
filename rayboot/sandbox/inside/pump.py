"""Waiting for several descriptors until a deadline, for one job."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from .stops import TimedOut

Handler = Callable[[int], None]
_OWNER_CHECK_SECONDS = 1.0


class Pump:
    """Calls each descriptor's handler with the events that came, and ends this process when its owner is gone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.started = time.monotonic()
        self.deadline = self.started + seconds
        self._poll = select.poll()
        self._handlers: dict[int, Handler] = {}

    def register(self, fd: int, handler: Handler, events: int = select.POLLIN) -> None:
        self._handlers[fd] = handler
        self._poll.register(fd, events)

    def unregister(self, fd: int) -> None:
        if self._handlers.pop(fd, None):
            self._poll.unregister(fd)

    def step(self) -> None:
        """Wait for the next events and handle them. Raises TimedOut at the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.timed_out()
        events = self._poll.poll(min(left, _OWNER_CHECK_SECONDS) * 1000)
        if not events:
            exit_if_orphaned()
        for fd, event in events:
            if fd in self._handlers:
                self._handlers[fd](event)

    def timed_out(self) -> TimedOut:
        return TimedOut(f"the program did not end within {self._seconds:g} s")

    @contextmanager
    def alarm(self) -> Iterator[None]:
        """Interrupt the reading and comparing of a hostile answer (such as numbers with one hash) at the deadline."""

        def ring(number: int, frame: FrameType | None) -> None:
            raise self.timed_out()

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, max(self.deadline - time.monotonic(), 0.01))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


_owner = os.getppid()


def exit_if_orphaned() -> None:
    if os.getppid() != _owner:
        sys.exit(0)
