"""Ctrl-C and SIGTERM, which Slurm and Kubernetes send: both end a command in the same orderly way."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

END_SECONDS = 25.0
"""Longest time for closing what runs; Kubernetes kills what is still there after 30."""

_received: list[int] = []
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
        end = threading.Timer(END_SECONDS, _say_and_end, [os.dup(2)])
        end.daemon = True
        end.start()
        raise KeyboardInterrupt


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
