"""Ctrl-C and SIGTERM, which Slurm and Kubernetes send: both end a command in the same orderly way."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

END_SECONDS = 25.0
"""Longest time for closing what runs; Kubernetes kills what is still there after 30."""

_received: list[int] = []


def exit_code() -> int | None:
    """Exit code of a command that a signal ended: 130 or 143; None if none came."""
    return 128 + _received[0] if _received else None


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the first signal raise `KeyboardInterrupt` in the block, which closes what is open, and ignore further ones.

    The only exception that Ray lets through its own calls. Where closing hangs, the process ends all the same.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a shell's background job
            signal.signal(number, _stop)
    try:
        yield
    except KeyboardInterrupt:
        print("rayboot: stopped", file=sys.stderr)
        sys.exit(exit_code() or 130)
    except SystemExit:
        sys.exit(exit_code()) if _received else None
        raise


def _stop(number: int, _: FrameType | None) -> None:
    if not _received:
        _received.append(number)
        end = threading.Timer(END_SECONDS, os._exit, [128 + number])
        end.daemon = True
        end.start()
        raise KeyboardInterrupt
