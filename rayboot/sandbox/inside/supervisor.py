"""The warm process that serves an owner: it takes jobs, has the fork server run their programs, and judges them."""

from __future__ import annotations

import select
import signal
import socket
import sys
from contextlib import closing
from types import FrameType

from . import framing, leftovers
from .canary import breaches
from .cell import Level
from .forkserver import ForkServer
from .framing import Message
from .kernel import PR_SET_CHILD_SUBREAPER, prctl
from .memory import MemoryGroup, make_group
from .pump import exit_if_orphaned, watch_owner
from .run import run_job
from .stops import ForkServerDied

_FORK_SERVER_TRIES = 3
_WASTE_SECONDS = 0.02
"""Longest time for which removing an earlier program's files may delay the next job."""
_WEAKER: dict[Level, Level] = {"A": "B", "B": "C", "runsc": "C"}


def main(owner_fd: int, scratch: str, level: Level) -> None:
    """Find the strongest isolation that works, from `level` on, and report it. Answer each job with a verdict.

    `scratch` is an empty directory for the programs of tiers without a private one. It is removed at the end.
    """
    signal.signal(signal.SIGTERM, _end)
    prctl("subreaper", PR_SET_CHILD_SUBREAPER, 1)  # to reap programs that outlive their fork server
    owner = socket.socket(fileno=owner_fd)
    watch_owner(owner)
    group = make_group()
    try:
        server, reasons = _strongest(level, scratch, group)
        with closing(server):
            hello = {"tier": server.level, "reasons": reasons, "counts_memory": group is not None}
            framing.send(owner, hello)
            _serve(owner, server, leftovers.Waste(scratch))
    finally:
        if group is not None:
            group.close()
        leftovers.remove(scratch)


_ending: list[int] = []


def _end(number: int, frame: FrameType | None) -> None:
    _ending.append(number)
    sys.exit(0)


def _strongest(level: Level, scratch: str, group: MemoryGroup | None) -> tuple[ForkServer, list[str]]:
    reasons: list[str] = []
    while True:
        server = ForkServer(level, scratch, group)
        problem = server.error or ("" if level == "C" else breaches(server))
        if not problem:
            return server, reasons
        reasons.append(f"tier {level}: {problem}")
        server.close()
        if level not in _WEAKER:
            raise RuntimeError("; ".join(reasons))
        level = _WEAKER[level]


def _serve(owner: socket.socket, server: ForkServer, waste: leftovers.Waste) -> None:
    poll = select.poll()
    poll.register(owner, select.POLLIN)
    left = False
    while True:
        if not poll.poll(0 if left else 1000):
            exit_if_orphaned()
            left = waste.remove_some(_WASTE_SECONDS)
            continue
        try:
            job = framing.receive(owner)
        except (OSError, EOFError):
            return
        framing.send(owner, _verdict(server, job))
        left = waste.remove_some(_WASTE_SECONDS)


def _verdict(server: ForkServer, job: Message) -> Message:
    problem = ""
    for attempt in range(_FORK_SERVER_TRIES):
        try:
            return run_job(server, job, compile_inside=attempt > 0)
        except ForkServerDied as error:
            if _ending:  # raised in place of SystemExit, on the way out
                sys.exit(0)
            problem = str(error)
            server.restart()
    message = f"given up after {_FORK_SERVER_TRIES} tries: {problem}"
    return {"status": "sandbox_error", "message": message}
