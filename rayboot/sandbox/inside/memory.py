"""The memory of all of a program's processes together, shared memory included.

The kernel counts it in a control group. Where this process may make none, the processes are polled from time to time.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from .clock import family, read_text
from .leftovers import mark_used, remove_unused

_PREFIX = "rayboot-"
_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryGroup:
    """A control group for the programs of one supervisor, which run one after the other."""

    def __init__(self, folder: Path) -> None:
        """Make the group, and remove those of supervisors that were killed. Raise OSError if that is not possible."""
        for old in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                remove_unused(str(old), os.rmdir)
        self._folder = folder / f"{_PREFIX}{os.urandom(4).hex()}"
        self._folder.mkdir()
        self._mark = mark_used(str(self._folder))
        self._old = (self._folder / "memory.limit_in_bytes").exists()
        self._limit = 0
        self.entrance = -1
        try:
            self.limit(1 << 30)
            with suppress(OSError):  # a kernel without swap
                self._write("memory.swappiness" if self._old else "memory.swap.max", 0)
            # In version 1, moving a process by its thread takes no time; as a process, ten milliseconds.
            self.entrance = os.open(self._folder / ("tasks" if self._old else "cgroup.procs"), os.O_WRONLY)
            self._try()
        except OSError:
            self.close()
            raise

    def _try(self) -> None:
        """Have a child process enter the group. Raise OSError if none may."""
        pid = os.fork()
        if pid == 0:
            try:
                os.write(self.entrance, b"0")
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(pid, 0)[1] != 0:
            raise PermissionError("no process may enter the control group")

    def limit(self, size: int) -> None:
        if size != self._limit:
            self._write("memory.limit_in_bytes" if self._old else "memory.max", size)
            self._limit = size

    def kills(self) -> int:
        """Return the number of processes that were killed for lack of memory."""
        text = (self._folder / ("memory.oom_control" if self._old else "memory.events")).read_text()
        return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0))

    def close(self) -> None:
        for fd in (self.entrance, self._mark):
            if fd >= 0:
                os.close(fd)
        with suppress(OSError):
            self._folder.rmdir()

    def _write(self, name: str, value: int) -> None:
        (self._folder / name).write_text(str(value))


def make_group() -> MemoryGroup | None:
    """Make a group beside or below this process's own; return None where none can be made."""
    for folder in 2 * _folders():  # another supervisor may take a new group for an abandoned one
        with suppress(OSError):
            return MemoryGroup(folder)
    return None


def _folders() -> list[Path]:
    """Return where a group may be made. Version 2 allows none below a group that has a process in it."""
    own = [line.split(":", 2)[1:] for line in read_text("/proc/self/cgroup").splitlines()]
    mounts = [line.split(" - ") for line in read_text("/proc/self/mountinfo").splitlines()]
    found: list[Path] = []
    for controllers, path in own:
        for where, what in mounts:
            kind, _, options = what.split()[:3]
            root, mount = where.split()[3:5]
            if (kind == "cgroup" and controllers == "memory" and "memory" in options.split(",")) or (
                kind == "cgroup2" and not controllers
            ):
                below = Path(mount) / os.path.relpath(path, root)
                found += [below, below.parent] if below != Path(mount) else [below]
    return found


def resident(pid: int) -> int:
    """Return the bytes that a process and its descendants have in memory. A shared page is counted for each of them."""
    return sum(_statm(each) for each in family(pid))


def proportional(pid: int) -> int:
    """Return the bytes as `resident` does, but count each page once. This takes longer."""
    return sum(_pss(each) for each in family(pid))


def _statm(pid: int) -> int:
    fields = read_text(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def _pss(pid: int) -> int:
    found = re.search(r"^Pss: *(\d+)", read_text(f"/proc/{pid}/smaps_rollup"), re.M)
    return int(found[1]) << 10 if found else _statm(pid)
