"""Waiting for several descriptors until a deadline, for one job."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from .stops import TimedOut

Handler = Callable[[int], None]
_OWNER_CHECK_SECONDS = 1.0
_PATIENCE = 2.0
_ANSWER_SECONDS = 1.0


class Pump:
    """Calls each descriptor's handler with the events that came, and ends this process when its owner is gone.

    Time for which the job's processes were ready to run and the machine's processors had other work does not count, up
    to `_PATIENCE` times the limit: a verdict should not depend on what else the machine does.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.started = time.monotonic()
        self._deadline = self.started + seconds
        self._running: set[int] = set()
        self._delay_of_ended = 0.0
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
        left = self._deadline - time.monotonic()
        if left <= 0:
            left = self._extended()
        if left <= 0:
            raise self.timed_out()
        events = self._poll.poll(min(left, _OWNER_CHECK_SECONDS) * 1000)
        if not events:
            exit_if_orphaned()
        for fd, event in events:
            if fd in self._handlers:
                self._handlers[fd](event)

    def restart(self, seconds: float) -> None:
        """Count the time from now on, up to another limit."""
        self._seconds = seconds
        self.started = time.monotonic()
        self._deadline = self.started + seconds

    def process_started(self, pid: int) -> None:
        self._running.add(pid)

    def process_ends(self, pid: int) -> None:
        """To be said before the process is reaped."""
        self._running.discard(pid)
        self._delay_of_ended += _run_queue_delay(pid)

    def _extended(self) -> float:
        """Seconds left once the time in which the job could not run is added."""
        delay = self._delay_of_ended + sum(map(_run_queue_delay, self._running))
        self._deadline = self.started + self._seconds + min(delay, _PATIENCE * self._seconds)
        return self._deadline - time.monotonic()

    def timed_out(self) -> TimedOut:
        return TimedOut(f"the program did not end within {self._seconds:g} s")

    @contextmanager
    def alarm(self) -> Iterator[None]:
        """Interrupt the reading and comparing of a hostile answer (such as numbers with one hash) at the deadline."""

        def ring(number: int, frame: FrameType | None) -> None:
            raise self.timed_out()

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, max(self._deadline - time.monotonic(), _ANSWER_SECONDS))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _run_queue_delay(pid: int) -> float:
    """Seconds for which a process has waited for a processor."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:  # a kernel without these statistics
        return 0.0


_owner = os.getppid()


_owner_channel: list[socket.socket] = []


def watch_owner(channel: socket.socket) -> None:
    """Take the end of this channel for the owner's end: in a container, its process is not to be seen."""
    _owner_channel.append(channel)


def _is_closed(channel: socket.socket) -> bool:
    try:
        return not channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def exit_if_orphaned() -> None:
    if os.getppid() != _owner or any(map(_is_closed, _owner_channel)):
        sys.exit(0)
