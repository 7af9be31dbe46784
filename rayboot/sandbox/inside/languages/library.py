"""The folder of the sandbox's own compiled files for other languages: made at first use, read by every cell."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = f"/var/tmp/rayboot-{os.getuid()}"
"""One per user. Not below /tmp, which is another directory inside a cell."""


def folder(name: str, tool: str, sources: list[Path]) -> str:
    """Return the folder for what a tool makes of our sources. It is another one if either changes."""
    digest = hashlib.sha256(os.path.realpath(tool).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return os.path.join(ROOT, f"{name}-{digest.hexdigest()[:16]}")


def open_root() -> None:
    """Make the root, since a fork server's cells get access to it before it has to contain anything.

    Raises:
        OSError: Another user has a file or folder of that name.
    """
    os.makedirs(ROOT, mode=0o755, exist_ok=True)
    if os.stat(ROOT, follow_symlinks=False).st_uid != os.getuid():
        raise PermissionError(f"{ROOT} belongs to another user; remove it")


def make(target: str, fill: Callable[[str], None]) -> None:
    """Have `fill` make the folder `target` atomically, unless it exists."""
    if os.path.exists(target):
        return
    aside = f"{target}.{os.getpid()}"
    os.makedirs(aside)
    try:
        fill(aside)
        os.rename(aside, target)
    except OSError:
        if not os.path.exists(target):  # another process was faster
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
