"""The owner's side of one warm server process: start it, send it jobs, replace it when it dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rayboot.errors import RaybootError, UserError
from rayboot.sandbox.folders import make_folder
from rayboot.sandbox.inside import framing, leftovers
from rayboot.sandbox.inside.languages import library
from rayboot.sandbox.inside.pump import BUSY
from rayboot.sandbox.verdict import Limits, Tier, Verdict

TRIES = 3
"""A program that kills its server this many times gets the verdict `sandbox_error`."""
START_SECONDS = 60.0
GRACE_SECONDS = 60.0
"""Added to the program's own limit: a server that sends nothing for that long counts as hung."""
END_SECONDS = 2.0

BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from inside import supervisor; "
    "supervisor.main(int(sys.argv[2]), *sys.argv[3:])"
)


def interpreter_command(boot: str, *args: str) -> list[str]:
    """Return the command of a bare Python, without site-packages and the user's files.

    The options are those of `-I` without `-E`, since the environment is clean already; and `-S`.
    """
    python = getattr(sys, "_base_executable", None) or sys.executable
    return [python, "-s", "-P", "-S", "-W", "ignore", "-c", boot, *args]


CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "MALLOC_ARENA_MAX": "1",  # one arena per thread would use up the limit on address space
}


class Server:
    """A supervisor process, and below it the fork server whose children run the programs. One job at a time."""

    def __init__(self, allow_weak: bool, preload: Mapping[str, str] | None = None) -> None:
        self.tier: Tier = "C"
        self.reasons: tuple[str, ...] = ()
        self.counts_memory = False
        self._allow_weak = allow_weak
        self._environment = {**CLEAN_ENVIRONMENT, **(preload or {})}
        self._closing = threading.Lock()
        self._closed = False
        self._start()

    def _start(self) -> None:
        with suppress(OSError):  # a program that needs it gets the error
            library.open_root()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._launch(theirs)
        self._channel = ours
        self._ready = False

    def _launch(self, channel: socket.socket) -> subprocess.Popen[bytes]:
        """Start the supervisor with its end of the channel."""
        self._scratch, self._folder_lock = make_folder("rayboot-sandbox-")
        folder, fd = str(Path(__file__).parent), channel.fileno()
        return subprocess.Popen(
            interpreter_command(BOOT, folder, str(fd), self._scratch, "A"),
            pass_fds=[fd],
            env=self._environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        """Wait until the canary has run, and set the tier.

        Raises:
            UserError: The tier is C, and weak isolation is not allowed.
            RaybootError: The server does not start.
        """
        try:
            self._handshake()
        except (OSError, EOFError, ValueError) as error:
            raise RaybootError(f"the sandbox's server did not start: {error}") from error

    def _handshake(self) -> None:
        self._channel.settimeout(START_SECONDS)
        hello = self._receive()
        self.tier, self.reasons = hello["tier"], tuple(hello["reasons"])
        self.counts_memory = hello["counts_memory"]
        self._ready = True
        if self.tier == "C" and not self._allow_weak:
            raise UserError(
                "this system offers too little isolation to run untrusted programs "
                f"({'; '.join(self.reasons)}). Run where Landlock and seccomp work, or allow weak isolation "
                "(allow_weak: true) if every program is trusted"
            )

    def verdict(self, job: dict[str, Any], limits: Limits) -> Verdict:
        """Run one job. If the server dies or hangs, replace it and run the job again.

        Raises:
            RaybootError: The sandbox is closed.
        """
        request = {**job, "limits": limits.model_dump()}
        problem = ""
        for _ in range(TRIES):
            if self._closed:
                raise RaybootError("the sandbox is closed")
            try:
                if not self._ready:
                    self._handshake()
                self._channel.settimeout(limits.timeout + GRACE_SECONDS)
                framing.send(self._channel, request)
                return Verdict(**self._receive(), tier=self.tier)
            except TimeoutError:
                problem = "the server hung"
            except (OSError, EOFError):
                problem = "the server died"
            except BaseException:  # Ctrl-C: the answer in flight must not be taken for the next job's
                self._replace()
                raise
            self._replace()
        return Verdict(status="sandbox_error", message=f"{problem}, {TRIES} times", tier=self.tier)

    def _receive(self) -> Any:
        """Return the next message that is not a heartbeat."""
        while (message := framing.receive(self._channel)) == BUSY:
            self._on_heartbeat()
        return message

    def _on_heartbeat(self) -> None:
        pass

    def _replace(self) -> None:
        with self._closing:
            if not self._closed:
                self._end()
                self._start()

    def _end(self) -> None:
        """Stop the supervisor, which stops its fork server. If it is killed, fork server and programs die with it."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._channel.close()
        leftovers.remove(self._scratch)
        os.close(self._folder_lock)

    def close(self) -> None:
        with self._closing:
            if not self._closed:
                self._closed = True
                self._end()
