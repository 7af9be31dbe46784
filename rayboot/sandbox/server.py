"""The owner's side of one warm server process: start it, send it jobs, replace it when it dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rayboot.errors import RaybootError, UserError
from rayboot.sandbox.inside import framing, leftovers
from rayboot.sandbox.inside.languages import base
from rayboot.sandbox.inside.pump import BUSY
from rayboot.sandbox.verdict import Limits, Tier, Verdict
from rayboot.values import Frozen

TRIES = 3
"""A program that kills its server this many times gets the verdict `sandbox_error`."""
START_SECONDS = 60.0
GRACE_SECONDS = 60.0
"""Added to the program's own limit: a server that sends nothing for that long counts as hung."""
END_SECONDS = 2.0
_YOUNG_SECONDS = 60.0

BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from inside import supervisor; "
    "supervisor.main(int(sys.argv[2]), *sys.argv[3:])"
)
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "MALLOC_ARENA_MAX": "1",  # one arena per thread would use up the limit on address space
}

_MEANING: dict[Tier, str] = {
    "runsc": "a gVisor container, with seccomp inside: programs see a kernel of its own, and not the machine's",
    "A": "namespaces, Landlock and seccomp: programs see a private root, no network, no other process",
    "B": "Landlock and seccomp without namespaces, as in a container's default set-up",
    "C": "neither Landlock nor seccomp: programs are refused unless weak isolation is allowed",
}


class TierReport(Frozen):
    """The strength of the isolation, as shown by a canary program's attempts to break out."""

    tier: Tier
    reasons: tuple[str, ...] = ()
    """Why the tier is not stronger; empty at tier A."""
    counts_memory: bool = True
    """Whether the kernel counts the memory of all processes of a program together, in a control group."""

    @property
    def meaning(self) -> str:
        """One line on what the tier isolates."""
        return _MEANING[self.tier]


def interpreter_command(boot: str, *args: str) -> list[str]:
    """Return the command of a bare Python, without site-packages and the user's files.

    The options are those of `-I` without `-E`, since the environment is clean already; and `-S`.
    """
    python = getattr(sys, "_base_executable", None) or sys.executable
    return [python, "-s", "-P", "-S", "-W", "ignore", "-c", boot, *args]


class Server:
    """A supervisor process, and below it the fork server whose children run the programs. One job at a time."""

    def __init__(self, allow_weak: bool, preload: Mapping[str, str]) -> None:
        self.report = TierReport(tier="C")
        """Set by `wait_ready`."""
        self._allow_weak = allow_weak
        self._environment = {**CLEAN_ENVIRONMENT, **preload}
        self._closing = threading.Lock()
        self._closed = False
        self._start()

    def _start(self) -> None:
        with suppress(OSError):  # a program that needs it gets the error
            base.open_root()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = self._launch(theirs)
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
        """Wait until the canary has run, and set the report.

        Raise UserError if the tier is C and weak isolation is not allowed, RaybootError if the server does not start.
        """
        try:
            self._handshake()
        except (OSError, EOFError, ValueError) as error:
            raise RaybootError(f"the sandbox's server did not start: {error}") from error

    def _handshake(self) -> None:
        self._channel.settimeout(START_SECONDS)
        self.report = TierReport.model_validate(self._receive())
        self._ready = True
        if self.report.tier == "C" and not self._allow_weak:
            raise UserError(
                "this system offers too little isolation to run untrusted programs "
                f"({'; '.join(self.report.reasons)}). Run where Landlock and seccomp work, or allow weak isolation "
                "(allow_weak: true) if every program is trusted"
            )

    def verdict(self, job: Mapping[str, object], limits: Limits) -> Verdict:
        """Run one job. If the server dies or hangs, replace it and run the job again.

        Raise RaybootError if the sandbox is closed.
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
                return Verdict.model_validate({**self._receive(), "tier": self.report.tier})
            except TimeoutError:
                problem = "the server hung"
            except (OSError, EOFError):
                problem = "the server died"
            except BaseException:  # Ctrl-C: the answer in flight must not be taken for the next job's
                self._replace()
                raise
            self._replace()
        message = f"{problem}, {TRIES} times"
        return Verdict(status="sandbox_error", message=message, tier=self.report.tier)

    def _receive(self) -> dict[str, object]:
        """Return the next message that is not a heartbeat."""
        while (message := framing.receive(self._channel)) == BUSY:
            self._on_heartbeat()
        fields: dict[str, object] = message
        return fields

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


def make_folder(prefix: str) -> tuple[str, int]:
    """Make a temporary folder for one server. Return it, and a descriptor that marks it as in use while open.

    Folders of servers whose owners were killed are removed.
    """
    for old in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _YOUNG_SECONDS:  # a younger one may not be locked yet
                leftovers.remove_unused(str(old), leftovers.remove)
    folder = tempfile.mkdtemp(prefix=prefix)
    return folder, leftovers.mark_used(folder)
