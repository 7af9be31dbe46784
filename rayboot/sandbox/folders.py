"""Temporary folders of servers: locked while in use, and removed later if the owner was killed."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from rayboot.sandbox.inside import leftovers

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_YOUNG_SECONDS = 60.0


def make_folder(prefix: str) -> tuple[str, int]:
    """Make a temporary folder for one server. Return it, and a descriptor that marks it as in use while open.

    Folders of servers whose owners were killed are removed.
    """
    for old in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _YOUNG_SECONDS:  # a younger one may not be locked yet
                _remove_unused(str(old))
    folder = tempfile.mkdtemp(prefix=prefix)
    lock = os.open(folder, _DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return folder, lock


def _remove_unused(folder: str) -> None:
    lock = os.open(folder, _DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftovers.remove(folder)
    finally:
        os.close(lock)
