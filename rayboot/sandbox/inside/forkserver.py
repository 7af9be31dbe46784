"""The supervisor's side of the fork server process (`zygote.py`)."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any

from . import framing
from .kernel import PR_SET_PDEATHSIG
from .languages import readable_of_languages
from .stops import ForkServerDied
from .zygote import send_with_fds

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from inside import zygote; "
    "zygote.main(int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])"
)
ANSWER_SECONDS = 5.0
"""Compiling some short texts takes Python for ever; the program is then compiled in its own process."""


class ForkServer:
    def __init__(self, level: str, scratch: str) -> None:
        self.level = level
        self._scratch = scratch
        self.error = ""
        self.peers: dict[str, Any] = {}
        """Processes that stay for many jobs (`peer.py`), by name; they die with the fork server."""
        self._living: set[int] = set()
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        arguments = [sys.argv[1], str(theirs.fileno()), self.level, self._scratch, *readable_of_languages()]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-S", "-W", "ignore", "-c", _BOOT, *arguments],
                pass_fds=[theirs.fileno()],
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
        self._control.settimeout(60)
        try:
            self.error = framing.receive(ours)["error"]
        except (OSError, EOFError):
            self.error = "the fork server did not start"
        self._control.settimeout(ANSWER_SECONDS)

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
        usage = self._ask({"reap": pid}, [])
        self._living.discard(pid)
        return usage

    def _ask(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        try:
            send_with_fds(self._control, request, fds)
            answer: dict[str, Any] = framing.receive(self._control)
        except (OSError, EOFError) as error:
            raise ForkServerDied(str(error)) from error
        return answer


_supervisor = os.getpid()
"""1 in a container."""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _supervisor:
        os._exit(1)
