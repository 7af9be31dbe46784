"""Detection of a child's exit: by a pidfd, or by a pipe where the kernel (gVisor) has none.

The fork server keeps the pipe's write end open until the child is dead. A program can neither close it nor write to it.
"""

from __future__ import annotations

import os
import signal


def _has_pidfds() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


PIDFDS = _has_pidfds()


def exit_pipe() -> tuple[int, ...]:
    """Return a pipe, whose second end is for the fork server; nothing where pidfds make it unnecessary."""
    return () if PIDFDS else os.pipe()


def kill(exit_fd: int, pid: int) -> None:
    """Kill a child that its parent has not reaped: the signal reaches no other process, whether it is dead or not."""
    if PIDFDS:
        signal.pidfd_send_signal(exit_fd, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)


class ExitPipes:
    """The fork server's ends of its children's pipes; none where there are pidfds."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        if not PIDFDS:
            signal.signal(signal.SIGCHLD, lambda number, frame: self._close_of_dead())

    def take(self, fds: list[int]) -> int | None:
        """Take the fork server's end, the last of the descriptors that came for a child."""
        return None if PIDFDS else fds.pop()

    def forked(self, pid: int, end: int | None) -> None:
        """Record a fork. Call this on both sides of it, with the result of `take`."""
        if end is None:
            return
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return
        self._ends[pid] = end
        self._close_of_dead()

    def _close_of_dead(self) -> None:
        """Close the pipes of dead children. Another signal may interrupt this at any point, and do the same."""
        for pid in list(self._ends):
            if _is_dead(pid) and (end := self._ends.pop(pid, None)) is not None:
                os.close(end)


def _is_dead(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it has been reaped
        return True
