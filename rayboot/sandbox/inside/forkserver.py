"""The supervisor's side of the fork server process (`zygote.py`)."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict

from . import framing
from .cell import Level
from .clock import Clock
from .framing import Message
from .kernel import PR_SET_PDEATHSIG, prctl
from .languages import readable_of_languages
from .memory import MemoryGroup
from .stops import ForkServerDied

if TYPE_CHECKING:
    from .peer import Peer

_BOOT = (
    "import os, sys; os.register_at_fork = lambda **handlers: None; "
    "sys.path.insert(0, sys.argv[1]); from inside import zygote; "
    "zygote.main(*sys.argv[2:4], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])"
)
"""Fork handlers of `threading` and `random` are not registered, since they would run in every child. They repair the
locks of other threads, and draw another seed. There is one thread, and the seed is fixed, so that the same program gets
the same verdict twice."""
_MAX_WALL_RATIO = 20
"""Longest wait for an answer by the wall clock, on the busiest machine, as a multiple of the answer's limit."""
_START_SECONDS = 60.0
_ANSWER_SECONDS = 2.0
"""Compiling some short texts does not end in practice. The program is then compiled in its own process."""


class Usage(TypedDict, total=False):
    """What is known of a child that has ended: nothing but `broken` if its fork server has died."""

    status: int
    """Wait status."""
    cpu: float
    """Processor seconds."""
    peak: int
    """Bytes of memory."""
    broken: str
    """Why the child could not enter its cell; empty if it did."""
    killed: bool
    """Whether it still ran when it was to end. Set by `ChildProcess`, as is `starved`."""
    starved: bool
    """Whether processes of its control group were killed for lack of memory."""


class ForkServer:
    def __init__(self, level: Level, scratch: str, memory: MemoryGroup | None) -> None:
        self.level = level
        self.memory = memory
        """Control group for programs that may start processes."""
        self._scratch = scratch
        self.error = ""
        self.peers: dict[str, Peer] = {}
        """Processes that persist across jobs (`peer.py`), by name; they die with the fork server."""
        self._living: set[int] = set()
        self._start()

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        entrance = [self.memory.entrance] if self.memory else []
        fds = [str(theirs.fileno()), *map(str, entrance or [-1])]
        arguments = [sys.argv[1], self.level, self._scratch, *fds, *readable_of_languages()]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-S", "-W", "ignore", "-c", _BOOT, *arguments],
                pass_fds=[theirs.fileno(), *entrance],
                # The order of a set must not change a verdict from run to run.
                env={**os.environ, "PYTHONHASHSEED": "0"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,
            )
        try:
            self.error = self._answer(_START_SECONDS)["error"]
        except (OSError, EOFError):
            self.error = "the fork server did not start"

    @property
    def pid(self) -> int:
        return self._process.pid

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """Kill the process, its children and their descendants."""
        self.peers.clear()
        self._process.kill()
        self._process.wait()
        self._control.close()
        for pid in self._living:  # not reaped yet, so the pid is still its own
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._living.clear()
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)

    def spawn(self, request: Message, fds: Sequence[int]) -> Message:
        """Fork a child. Return its `pid`, or the program's `syntax_error`."""
        answer = self._ask(request, fds)
        self._living |= {answer["pid"]} if "pid" in answer else set()
        return answer

    def reap(self, pid: int) -> Usage:
        """Wait for a child that is dead or dying."""
        if pid not in self._living:
            return {"broken": ""}  # it died with an earlier fork server
        status, cpu, peak, broken = self._ask({"reap": pid}, [])["usage"]
        self._living.discard(pid)
        return {"status": status, "cpu": cpu, "peak": peak, "broken": broken}

    def _ask(self, request: Message, fds: Sequence[int]) -> Message:
        if self.error:  # it did not start
            raise ForkServerDied(self.error)
        try:
            framing.send_with_fds(self._control, request, fds)
            return self._answer(_ANSWER_SECONDS)
        except (OSError, EOFError) as error:
            raise ForkServerDied(str(error)) from error

    def _answer(self, seconds: float) -> Message:
        """Return the answer. It has that many seconds; its waits for a processor do not count."""
        clock, end, poll = Clock(self.pid), time.monotonic() + _MAX_WALL_RATIO * seconds, select.poll()
        poll.register(self._control, select.POLLIN)
        while not poll.poll(1000 * min(seconds, 1.0)):
            seconds -= clock.read()[0]
            if seconds <= 0 or time.monotonic() > end:
                raise TimeoutError("it does not answer")
            seconds = max(seconds, 0.01)
        answer: Message = framing.receive(self._control)
        return answer


_supervisor = os.getpid()
"""Pid of this process; 1 in a container."""


def _die_with_parent() -> None:
    prctl("pdeathsig", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _supervisor:
        os._exit(1)
