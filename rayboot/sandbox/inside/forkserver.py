"""The supervisor's side of the fork server process (`zygote.py`)."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from . import framing
from .clock import Clock
from .kernel import PR_SET_PDEATHSIG
from .languages import readable_of_languages
from .memory import MemoryGroup
from .stops import ForkServerDied
from .zygote import send_with_fds

_BOOT = (
    "import os, sys; os.register_at_fork = lambda **handlers: None; "
    "sys.path.insert(0, sys.argv[1]); from inside import zygote; "
    "zygote.main(int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6:])"
)
"""The handlers of `threading` and `random` would run in every child. They put right the locks of other threads, and
draw another seed; there is one thread, and the seed is set, so that the same program gets the same verdict twice."""
_PATIENCE = 20
"""Times its limit: so long an answer may take on the busiest machine."""
_START_SECONDS = 60.0
_ANSWER_SECONDS = 2.0
"""Compiling some short texts takes Python for ever; the program is then compiled in its own process."""


class ForkServer:
    def __init__(self, level: str, scratch: str, memory: MemoryGroup | None) -> None:
        self.level = level
        self.memory = memory
        """For programs that may start processes."""
        self._scratch = scratch
        self.error = ""
        self.peers: dict[str, Any] = {}
        """Processes that stay for many jobs (`peer.py`), by name; they die with the fork server."""
        self._living: set[int] = set()
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        entrance = [self.memory.entrance] if self.memory else []
        own = [str(theirs.fileno()), self.level, self._scratch, *map(str, entrance or [-1])]
        arguments = [sys.argv[1], *own, *readable_of_languages()]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-S", "-W", "ignore", "-c", _BOOT, *arguments],
                pass_fds=[theirs.fileno(), *entrance],
                env={
                    **os.environ,
                    "PYTHONHASHSEED": "0",
                },  # a set's order must not change a verdict from run to run
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,
            )
        self._control = ours
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
        """Kill it, and with it all its children, and theirs."""
        self.peers.clear()
        self._process.kill()
        self._process.wait()
        self._control.close()
        for pid in self._living:  # not reaped yet, so that the number is still its own
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._living.clear()
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)

    def spawn(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Fork a child. Gives its `pid`, or the program's `syntax_error`."""
        answer = self._ask(request, fds)
        self._living |= {answer["pid"]} if "pid" in answer else set()
        return answer

    def reap(self, pid: int) -> dict[str, Any]:
        """Wait for a child that is dead or dying. Gives its wait `status`, `cpu` seconds and `peak` bytes."""
        if pid not in self._living:
            return {"broken": ""}  # it went with an earlier fork server
        usage = self._ask({"reap": pid}, [])
        self._living.discard(pid)
        return usage

    def _ask(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        if self.error:  # it did not start
            raise ForkServerDied(self.error)
        try:
            send_with_fds(self._control, request, fds)
            return self._answer(_ANSWER_SECONDS)
        except (OSError, EOFError) as error:
            raise ForkServerDied(str(error)) from error

    def _answer(self, seconds: float) -> dict[str, Any]:
        """What it answers within that time, less what it waits for a processor."""
        clock, end, poll = Clock(self.pid), time.monotonic() + _PATIENCE * seconds, select.poll()
        poll.register(self._control, select.POLLIN)
        while not poll.poll(1000 * min(seconds, 1.0)):
            seconds -= clock.read()[0]
            if seconds <= 0 or time.monotonic() > end:
                raise TimeoutError("it does not answer")
            seconds = max(seconds, 0.01)
        answer: dict[str, Any] = framing.receive(self._control)
        return answer


_supervisor = os.getpid()
"""1 in a container."""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _supervisor:
        os._exit(1)
