"""Ctrl-C and SIGTERM, which Slurm and Kubernetes send: both end a command in the same orderly way."""

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
"""Longest time for closing what runs; Kubernetes kills what is still there after 30."""

_received: list[int] = []
_swallowed = threading.Event()
_message = "stopped"


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the first signal raise `KeyboardInterrupt` in the block, the only exception that Ray lets through its calls.

    That closes what is open; further signals are ignored meanwhile, and where closing hangs, the process ends all the
    same. Its exit code is 130 after Ctrl-C, 143 after SIGTERM.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a shell's background job
            signal.signal(number, _stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # typer makes the one into the other
        if not _received:
            raise
        _leave()


@contextmanager
def says_when_stopped(message: str) -> Iterator[None]:
    """What the command says when a signal ends it in this block."""
    global _message
    before, _message = _message, message
    yield
    _message = before  # not after an exception: it is said when the block is left


def _stop(number: int, _: FrameType | None) -> None:
    if not _received:
        _received.append(number)
        sys.unraisablehook = _note_swallowed
        warnings.simplefilter("ignore")  # Cython warns of an import that is ended
        threading.Thread(target=_see_to_the_end, args=[os.dup(2)], daemon=True).start()
    elif not _swallowed.is_set():
        return
    _swallowed.clear()
    raise KeyboardInterrupt


def _note_swallowed(error: sys.UnraisableHookArgs) -> None:
    """An exception in a destructor, or in a function that C calls, goes no further."""
    if isinstance(error.exc_value, KeyboardInterrupt):
        _swallowed.set()


def _see_to_the_end(descriptor: int) -> None:
    """Raise a swallowed exception again, and end the process when its time is over."""
    deadline = time.monotonic() + END_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        if _swallowed.wait(left):
            os.kill(os.getpid(), _received[0])
            time.sleep(0.05)
    _say_and_end(descriptor)


def _leave() -> None:
    """End the process. Python itself would end by SIGINT where the exception went through `exec`, as in imports."""
    with suppress(Exception):
        sys.stdout.flush()
        atexit._run_exitfuncs()
    _say_and_end(2)


def _say_and_end(descriptor: int) -> None:
    with suppress(OSError):  # nobody reads it any more: Ctrl-C has ended `tee` too
        os.write(descriptor, f"rayboot: {_message}\n".encode())
    os._exit(128 + _received[0])
