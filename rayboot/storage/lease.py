"""One driver a run: who drives a run leaves a sign of life in its directory, and a second driver is refused."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.fs as pafs
from pydantic import ValidationError

from rayboot.errors import RaybootError, UserError
from rayboot.storage.files import Storage
from rayboot.values import Frozen

BEAT_SECONDS = 10.0
EXPIRY_SECONDS = 60.0
"""Silence after which a driver on another machine counts as gone."""
TRIES = 4
"""Two drivers that start at once see each other, and both step back for a moment."""


class Driver(Frozen):
    """A process that drives a run."""

    host: str
    machine: str
    """Boot and process namespace: where the number of a process means the same."""
    pid: int
    started: int
    """Of the process, in clock ticks since boot: tells it from a later one with its number."""
    since: float
    """Unix time at which it took the run."""

    @classmethod
    def this(cls) -> Driver:
        return cls(
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            started=_started(os.getpid()) or 0,
            since=time.time(),
        )

    @property
    def is_here(self) -> bool:
        """Whether this process can see whether it lives."""
        return self.machine == _machine()

    @property
    def lives(self) -> bool:
        return _started(self.pid) == self.started


@contextmanager
def leased(storage: Storage) -> Iterator[None]:
    """Be the only driver of the run in this folder, for the time of the block.

    Each driver has a file of its own there, which it touches every so often. Ages are differences of the filesystem's
    own times, so the clocks of two machines need not agree. A driver on this machine that is dead is gone at once.

    Raises:
        UserError: Another driver has the run, or the folder cannot be written to.
        RaybootError: This one was silent for so long that another has taken the run.
    """
    storage.require_writable()
    name = f".driver-{uuid.uuid4().hex}"
    _claim(storage, name)
    ended, lost = threading.Event(), threading.Event()
    beat = threading.Thread(target=_beat, args=(storage, name, ended, lost), daemon=True)
    beat.start()
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # what handlers of SIGINT and SIGTERM raise
        if not lost.is_set():
            raise
    finally:
        ended.set()
        beat.join()
        with suppress(OSError):
            storage.remove(name)
    if lost.is_set():
        raise RaybootError(
            f"this driver was silent for more than {EXPIRY_SECONDS:.0f} s, and another one has taken over "
            f"{storage.uri('')}; what was finished is kept"
        )


def _claim(storage: Storage, name: str) -> None:
    text = Driver.this().model_dump_json()
    for tried in range(1, TRIES + 1):
        storage.write_text(name, text)
        other = _other(storage, name)
        if other is None:
            return
        storage.remove(name)
        if tried == TRIES:
            raise UserError(_refusal(storage, *other))
        time.sleep(random.uniform(0.1, 0.5))


def _refusal(storage: Storage, driver: Driver, age: float) -> str:
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(driver.since))
    cure = (
        "wait for it, or end it"
        if driver.is_here
        else f"if that one is gone, try again in {max(1.0, EXPIRY_SECONDS - age):.0f} s"
    )
    return (
        f"{storage.uri('')} is in use: process {driver.pid} on {driver.host} has driven it since {began} (last sign of "
        f"life {age:.0f} s ago); {cure}"
    )


def _other(storage: Storage, mine: str) -> tuple[Driver, float] | None:
    """Another driver than the one that has just written its file, and its age in seconds; files of dead ones go."""
    claims = [info for info in storage.files() if info.base_name.startswith(".driver-")]
    now = next((info.mtime_ns for info in claims if info.base_name == mine), time.time_ns())
    for info in claims:
        if info.base_name == mine or info.base_name.endswith(".partial"):
            continue
        age = max(0.0, (now - info.mtime_ns) / 1e9)
        driver = _read(storage, info)
        if driver is not None and (driver.lives if driver.is_here else age < EXPIRY_SECONDS):
            return driver, age
        with suppress(OSError):
            storage.remove(info.base_name)
    return None


def _read(storage: Storage, info: pafs.FileInfo) -> Driver | None:
    """None for a file that went away, or that a power loss has emptied."""
    try:
        return Driver.model_validate_json(storage.read_text(info.base_name))
    except (FileNotFoundError, ValidationError):
        return None


def _beat(storage: Storage, name: str, ended: threading.Event, lost: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with suppress(OSError):  # a passing fault: others wait for longer than that
            if not storage.exists(name):
                lost.set()
                # A real one, which wakes the main thread; a background job of a shell ignores SIGINT.
                heard = [each for each in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(each))]
                if heard and (main := threading.main_thread().ident):
                    signal.pthread_kill(main, heard[0])
                return
            storage.touch(name)


def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _started(pid: int) -> int | None:
    """When the process began; None if there is none, or it is dead and only not yet reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
