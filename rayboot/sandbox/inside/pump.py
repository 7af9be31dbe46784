"""The event loop of one job, which waits for descriptors until the job's time is over."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from . import framing
from .clock import SEES_WAITS, Clock
from .memory import proportional, resident
from .stops import TimedOut, TooMuchMemory

Handler = Callable[[int], None]
BUSY = "busy"
"""Heartbeat that the owner gets while a job runs, so that it can distinguish a long job from a hung server."""
_CHECK_SECONDS = 1.0
_FIRST_CHECK_SECONDS = 0.1
_ANSWER_SECONDS = 1.0
_MAX_WALL_RATIO = 20.0
"""Longest time of a job by the wall clock, however busy the machine is, as a multiple of the job's limit."""
_MOMENT = 0.001
_SHORT = 0.02
"""Seconds. A shorter interval is counted by the wall clock alone: reading more would cost a small program too much."""


class _Budget:
    """Seconds for one purpose, and how many of them are used."""

    def __init__(self, seconds: float, who: str) -> None:
        self.seconds, self._who = seconds, who
        self.passed = self.cpu = 0.0
        self.started = time.monotonic()

    @property
    def left(self) -> float:
        wall_left = self.started + _MAX_WALL_RATIO * self.seconds - time.monotonic()
        return min(self.seconds - max(self.passed, self.cpu), wall_left)

    def timed_out(self) -> TimedOut:
        return TimedOut(f"{self._who} did not end within {self.seconds:g} s")


class Pump:
    """Event loop that calls each descriptor's handler with its events, and ends this process when its owner is gone.

    A limit applies to the processor time of the job's programs, and to the time that passes while they have a processor
    or do not want one: a verdict should not depend on what else the machine does.
    """

    def __init__(self, seconds: float, *helpers: int) -> None:
        self._clock = Clock(*helpers)
        self._budget = _Budget(seconds, "the program")
        self._next_check = self._budget.started + min(seconds, _FIRST_CHECK_SECONDS)
        self._poll = select.poll()
        self._handlers: dict[int, Handler] = {}
        self._watched: dict[int, int] = {}

    @property
    def wall_seconds(self) -> float:
        """Seconds since the job began, without those spent in `apart`."""
        return time.monotonic() - self._budget.started

    @property
    def cpu_seconds(self) -> float:
        """The programs' processor seconds as seen so far, including children for which nobody waited."""
        return self._budget.cpu

    def register(self, fd: int, handler: Handler, events: int = select.POLLIN) -> None:
        self._handlers[fd] = handler
        self._poll.register(fd, events)

    def unregister(self, fd: int) -> None:
        if self._handlers.pop(fd, None):
            self._poll.unregister(fd)

    def step(self) -> None:
        """Wait for the next events and handle them. Raise what `check` raises."""
        wait = self._next_check - time.monotonic()
        if wait <= 0:
            self.check()
            _send_heartbeat()
            exit_if_orphaned()
            wait = self._next_check - time.monotonic()
        for fd, event in self._poll.poll(max(wait, _MOMENT) * 1000):
            if fd in self._handlers:
                self._handlers[fd](event)

    def check(self) -> None:
        """Raise TimedOut if the time is over, TooMuchMemory if a watched process has too much memory."""
        self._charge()
        if self._budget.left <= 0:
            raise self._budget.timed_out()
        for pid, most in self._watched.items():
            if resident(pid) > most and proportional(pid) > most:
                raise TooMuchMemory
        elapsed = time.monotonic() - self._budget.started
        often = self._watched or elapsed < _CHECK_SECONDS
        pause = _FIRST_CHECK_SECONDS if often else _CHECK_SECONDS
        self._next_check = time.monotonic() + min(pause, self._budget.left)

    @contextmanager
    def apart(self, seconds: float, who: str) -> Iterator[None]:
        """Give the block its own limit. Its time does not count towards the program's."""
        self._charge()
        before, self._budget = self._budget, _Budget(seconds, who)
        try:
            yield
        finally:
            self._charge()
            before.started += time.monotonic() - self._budget.started
            self._budget = before
            self._next_check = time.monotonic() + min(_FIRST_CHECK_SECONDS, max(before.left, 0.0))

    def process_started(self, pid: int, is_program: bool = True) -> None:
        self._clock.add(pid, is_program)

    def process_ends(self, pid: int) -> None:
        """Stop counting a process. Call this before the process is reaped."""
        if self._clock.unread > _SHORT:
            self._charge()
        self._clock.remove(pid)
        self._watched.pop(pid, None)

    def watch_memory(self, pid: int, most: int) -> None:
        """Raise TooMuchMemory once a process and its descendants are seen to have more than `most` bytes."""
        self._watched[pid] = most

    def finish(self) -> None:
        """Raise TimedOut if the programs, all of which have ended well, took too long together."""
        if self._clock.unread > _SHORT:
            self.check()

    def _charge(self) -> None:
        passed, cpu = self._clock.read()
        self._budget.passed += passed
        self._budget.cpu += cpu

    @contextmanager
    def alarm(self) -> Iterator[None]:
        """Interrupt the decoding and comparison of a hostile answer (such as numbers with one hash) at the deadline."""

        def ring(number: int, frame: FrameType | None) -> None:
            raise self._budget.timed_out()

        signal.signal(signal.SIGPROF, ring)
        signal.setitimer(signal.ITIMER_PROF, max(self._budget.left, _ANSWER_SECONDS))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


_owner = os.getppid()
_owner_channel: list[socket.socket] = []


def watch_owner(channel: socket.socket) -> None:
    """Take the end of this channel for the owner's end, since the owner's process is not visible in a container."""
    _owner_channel.append(channel)


def exit_if_orphaned() -> None:
    if os.getppid() != _owner or any(map(_is_closed, _owner_channel)):
        sys.exit(0)


def _is_closed(channel: socket.socket) -> bool:
    try:
        return not channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def _send_heartbeat() -> None:
    """Send the owner a heartbeat. In a container, the owner answers with each process's share of a processor."""
    for channel in _owner_channel:
        with suppress(OSError, EOFError):
            channel.send(framing.pack(BUSY), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            if not SEES_WAITS:
                Clock.share = framing.receive(channel)
