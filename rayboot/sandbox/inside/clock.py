"""Time as a job's processes experience it: it stops while they wait for a processor that is busy with others."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

_TICK = os.sysconf("SC_CLK_TCK")


class Clock:
    """A clock of the seconds that pass, and of the processor seconds that programs use, from one reading to the next.

    A program's thread may wait for a processor, and so may the sandbox's own processes (`helpers`, by pid) for which
    the program waits in turn: supervisor, fork server, judge. The kernel counts these waits for each thread.
    """

    share = 1.0
    """Of a processor, for each process that is ready to run. In a container, which does not see what else the machine
    does, the owner sets it, for all clocks."""

    def __init__(self, *helpers: int) -> None:
        self._helpers = {os.getpid(), *helpers}
        self._programs: dict[int, float] = {}
        self._waits: dict[int, float] = {}
        self._last = time.monotonic()

    def add(self, pid: int, is_program: bool) -> None:
        if is_program:
            self._programs[pid] = 0.0
        else:
            self._helpers.add(pid)

    def remove(self, pid: int) -> None:
        self._programs.pop(pid, None)
        self._helpers.discard(pid)

    @property
    def unread(self) -> float:
        """Seconds since the last reading."""
        return time.monotonic() - self._last

    def read(self) -> tuple[float, float]:
        """Return the seconds that count since the last reading, and the programs' processor seconds since then."""
        now = time.monotonic()
        passed, self._last = now - self._last, now
        used = sum(self._cpu_since(pid) for pid in self._programs)
        if not SEES_WAITS:
            return self.share * passed, self.share * used
        processes = {*self._helpers, *(each for pid in self._programs for each in family(pid))}
        waited = sum(max(wait, 0.0) for pid in processes for wait in self._waits_since(pid))
        return max(passed - waited, 0.0), used

    def _cpu_since(self, pid: int) -> float:
        before, now = self._programs[pid], sum(map(_cpu_seconds, family(pid)))
        self._programs[pid] = now
        return max(now - before, 0.0)

    def _waits_since(self, pid: int) -> Iterator[float]:
        for thread in _list_ids(f"/proc/{pid}/task"):
            now = _wait_seconds(f"/proc/{pid}/task/{thread}/schedstat")
            before = self._waits.get(thread)
            self._waits[thread] = now
            # A helper's waits before it joined this job do not count.
            yield now - (before if before is not None else now if pid in self._helpers else 0.0)


def family(pid: int) -> Iterator[int]:
    """Yield a process and, where the kernel lists them, all its descendants."""
    yield pid
    for thread in _list_ids(f"/proc/{pid}/task"):
        for child in read_text(f"/proc/{pid}/task/{thread}/children").split():
            yield from family(int(child))


def _cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process and of those of its children that it has waited for."""
    try:
        own = time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) gives
    except OSError:
        return 0.0
    fields = read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return own + (int(fields[13]) + int(fields[14])) / _TICK if len(fields) > 14 else own


def _wait_seconds(path: str) -> float:
    fields = read_text(path).split()
    return int(fields[1]) / 1e9 if len(fields) > 1 else 0.0


def _list_ids(folder: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(folder)]
    except OSError:
        return []


def read_text(path: str) -> str:
    """Return a file's text; empty if it is not there, as of a process that has ended."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


SEES_WAITS = bool(read_text("/proc/self/schedstat"))
