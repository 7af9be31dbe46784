"""Handle Ctrl-C and SIGTERM, which Slurm and Kubernetes send: both end a command after an orderly shutdown."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

END_SECONDS = 25.0
"""Longest time for the shutdown; Kubernetes kills a container 30 seconds after SIGTERM."""

_received: list[int] = []
_swallowed = threading.Event()
_message = "stopped"


@contextmanager
def handle_signals() -> Iterator[None]:
    """Let the first signal raise `KeyboardInterrupt` in the block, the only exception that passes through Ray's calls.

    The exception unwinds the block, which shuts everything down. Further signals are ignored, and the process ends
    after `END_SECONDS` at the latest, with exit code 130 after Ctrl-C, 143 after SIGTERM.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # ignored in a shell's background job
            signal.signal(number, _stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # typer turns KeyboardInterrupt into SystemExit
        if not _received:
            raise
        _exit()


@contextmanager
def stop_message(message: str) -> Iterator[None]:
    """Set the message of a command that a signal ends in this block."""
    global _message
    before, _message = _message, message
    yield
    _message = before  # not after an exception: the message is printed after the block


def _stop(number: int, _: FrameType | None) -> None:
    if not _received:
        _received.append(number)
        sys.unraisablehook = _detect_swallowed
        warnings.simplefilter("ignore")  # Cython warns of an interrupted import
        threading.Thread(target=_enforce_end, args=[os.dup(2)], daemon=True).start()
    elif not _swallowed.is_set():
        return
    _swallowed.clear()
    raise KeyboardInterrupt


def _detect_swallowed(error: sys.UnraisableHookArgs) -> None:
    """Detect a `KeyboardInterrupt` in a destructor, or in a function called from C, which does not propagate."""
    if isinstance(error.exc_value, KeyboardInterrupt):
        _swallowed.set()


def _enforce_end(descriptor: int) -> None:
    """Raise a swallowed exception again, and end the process at the deadline."""
    deadline = time.monotonic() + END_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        if _swallowed.wait(left):
            os.kill(os.getpid(), _received[0])
            time.sleep(0.05)
    _print_and_end(descriptor)


def _exit() -> None:
    """End the process. Python itself ends by SIGINT if the exception passed through `exec`, as in an import."""
    with suppress(Exception):
        sys.stdout.flush()
        atexit._run_exitfuncs()
    _print_and_end(2)


def _print_and_end(descriptor: int) -> None:
    with suppress(OSError):  # the reader is gone: Ctrl-C ends `tee` as well
        os.write(descriptor, f"rayboot: {_message}\n".encode())
    os._exit(128 + _received[0])
