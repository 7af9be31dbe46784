"""A process of the sandbox itself that persists across jobs: a judge of test files, or a compiler."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .command_process import spawn_command
from .job import Job
from .languages.base import Command
from .process import Output
from .stops import Ended, HelperFailed, Misbehaved, Stop

_FOREVER = 10_000_000
_OUTPUT_BYTES = 1 << 20
_MEMORY = 1 << 30
_SHOWN = 300


class Peer:
    """A persistent helper process.

    It runs in a cell too: a test file, or a compiler that a program has taken over, may not do more than a program.
    """

    def __init__(self, job: Job, command: Command) -> None:
        limits = {**job.limits, "timeout": _FOREVER, "memory": _MEMORY}
        self._output = Output(_OUTPUT_BYTES)
        self._child = spawn_command(job, command, self._output, limits, is_program=False)
        self.file = command.file
        if self._child.receive() != ["built"]:
            raise Stop("the sandbox's own helper process did not start")

    def join(self, job: Job) -> None:
        """Work for this job from now on."""
        self._output = Output(_OUTPUT_BYTES)
        self._child.move_to(job.pump, self._output)

    def send(self, message: object) -> None:
        self._child.send(message)

    def receive(self) -> Any:
        """Return the next message.

        Raise HelperFailed if none will come, for which no program is to blame; Stop if the time is over, or the message
        is too long.
        """
        try:
            return self._child.receive_any()
        except (Ended, Misbehaved) as stop:
            printed = bytes(self._output.texts["stderr"][-_SHOWN:]).decode(errors="replace").strip()
            raise HelperFailed(f"a process of the sandbox's own ended: {printed or stop}") from stop

    def last_words(self) -> str:
        """Wait for its end. Return its standard error if it exited with a status other than 0; else nothing."""
        self._child.wait()
        status = self._child.end().get("status", 0)
        ended_itself = os.WIFEXITED(status) and os.WEXITSTATUS(status)
        return self._output.texts["stderr"].decode(errors="replace") if ended_itself else ""

    def end(self) -> None:
        self._child.end()


def peer_of(job: Job, name: str, command: Callable[[], Command]) -> Peer:
    """Return the fork server's peer of that name, and start it if there is none."""
    peers = job.server.peers
    if name in peers:
        peers[name].join(job)
    else:
        peers[name] = Peer(job, command())
    return peers[name]


def dismiss(job: Job, name: str) -> None:
    """Kill a peer that is busy or broken. The next job starts another."""
    peer = job.server.peers.pop(name, None)
    if peer is not None:
        peer.end()
