"""One driver per run: a driver writes a heartbeat into the run directory, and a second driver is refused."""

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

HEARTBEAT_SECONDS = 10.0
EXPIRY_SECONDS = 60.0
"""Age of the last heartbeat at which a driver on another machine counts as dead."""
TRIES = 4
"""Number of attempts to claim a run. Drivers that start at the same time see each other, back off, and retry."""


class Driver(Frozen):
    """A process that drives a run."""

    host: str
    machine: str
    """Boot id and process namespace, within which a pid identifies a process."""
    pid: int
    started: int
    """Start of the process, in clock ticks since boot: a later process with the same pid has another one."""
    since: float
    """Unix time at which the driver claimed the run."""

    @classmethod
    def this(cls) -> Driver:
        return cls(
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            started=_start_ticks(os.getpid()) or 0,
            since=time.time(),
        )

    @property
    def is_here(self) -> bool:
        """Whether the driver runs where this process can look up its pid."""
        return self.machine == _machine()

    @property
    def is_alive(self) -> bool:
        return _start_ticks(self.pid) == self.started


@contextmanager
def leased(storage: Storage) -> Iterator[None]:
    """Hold the lease of the run in this folder during the block: no other process drives the run.

    Each driver has its own file in the folder, and touches it every `HEARTBEAT_SECONDS`. Ages are differences between
    times of the filesystem, so the clocks of two machines need not agree. A dead driver on this machine is detected at
    once.

    Raise UserError if another driver holds the lease, or the folder cannot be written to. Raise RaybootError if the
    heartbeat of this driver stopped for so long that another one has taken over.
    """
    storage.require_writable()
    name = f".driver-{uuid.uuid4().hex}"
    _claim(storage, name)
    ended, lost = threading.Event(), threading.Event()
    heartbeat = threading.Thread(target=_heartbeat, args=(storage, name, ended, lost), daemon=True)
    heartbeat.start()
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # raised by handlers of SIGINT and SIGTERM
        if not lost.is_set():
            raise
    finally:
        ended.set()
        heartbeat.join()
        with suppress(OSError):
            storage.remove(name)
    if lost.is_set():
        raise RaybootError(
            f"this driver was silent for more than {EXPIRY_SECONDS:.0f} s, and another one has taken over "
            f"{storage.uri('')}; what was finished is kept"
        )


def _claim(storage: Storage, name: str) -> None:
    text = Driver.this().model_dump_json()
    for attempt in range(1, TRIES + 1):
        storage.write_text(name, text)
        other = _other_driver(storage, name)
        if other is None:
            return
        storage.remove(name)
        if attempt == TRIES:
            raise UserError(_refusal(storage, *other))
        time.sleep(random.uniform(0.1, 0.5))


def _refusal(storage: Storage, driver: Driver, age: float) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(driver.since))
    advice = (
        "wait for it, or end it"
        if driver.is_here
        else f"if that one is gone, try again in {max(1.0, EXPIRY_SECONDS - age):.0f} s"
    )
    return (
        f"{storage.uri('')} is in use: process {driver.pid} on {driver.host} has driven it since {since} (last "
        f"heartbeat {age:.0f} s ago); {advice}"
    )


def _other_driver(storage: Storage, own: str) -> tuple[Driver, float] | None:
    """Return a live driver other than this one, and the age of its heartbeat in seconds; remove files of dead ones.

    Args:
        own: Name of this driver's file, which was just written: its time is the filesystem's now.
    """
    claims = [info for info in storage.files() if info.base_name.startswith(".driver-")]
    now = next((info.mtime_ns for info in claims if info.base_name == own), time.time_ns())
    for info in claims:
        if info.base_name == own or info.base_name.endswith(".partial"):
            continue
        age = max(0.0, (now - info.mtime_ns) / 1e9)
        driver = _read(storage, info)
        if driver is not None and (driver.is_alive if driver.is_here else age < EXPIRY_SECONDS):
            return driver, age
        with suppress(OSError):
            storage.remove(info.base_name)
    return None


def _read(storage: Storage, info: pafs.FileInfo) -> Driver | None:
    """Return the driver of a file; None if the file was removed meanwhile, or emptied by a power loss."""
    try:
        return Driver.model_validate_json(storage.read_text(info.base_name))
    except (FileNotFoundError, ValidationError):
        return None


def _heartbeat(storage: Storage, name: str, ended: threading.Event, lost: threading.Event) -> None:
    """Touch the driver's file until `ended`; interrupt the main thread if another driver has removed the file."""
    while not ended.wait(HEARTBEAT_SECONDS):
        with suppress(OSError):  # a transient fault: other drivers wait for EXPIRY_SECONDS
            if not storage.exists(name):
                lost.set()
                # A real signal wakes the main thread from a call. A shell's background job ignores SIGINT.
                handled = [
                    number for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number))
                ]
                if handled and (main := threading.main_thread().ident):
                    signal.pthread_kill(main, handled[0])
                return
            storage.touch(name)


def _machine() -> str:
    """Return the boot id and the process namespace of this process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _start_ticks(pid: int) -> int | None:
    """Return a process's start in clock ticks since boot; None if it does not exist, or is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
