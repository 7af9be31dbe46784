"""Removal of what programs have left, whatever they did to prevent it, and however much it is."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

_ASIDE = "aside-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def mark_used(folder: str) -> int:
    """Return a descriptor that marks a folder as in use while it is open."""
    mark = os.open(folder, _DIRECTORY)
    fcntl.flock(mark, fcntl.LOCK_SH)
    return mark


def remove_unused(folder: str, remove: Callable[[str], None]) -> None:
    """Remove a folder whose user was killed. Raise OSError if it is in use."""
    mark = os.open(folder, _DIRECTORY)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(folder)
    finally:
        os.close(mark)


def set_aside(directory: str, scratch: str) -> None:
    """Move a directory out of the programs' reach. `Waste` removes it."""
    with suppress(OSError):
        os.rmdir(directory)  # most are empty
        return
    with suppress(FileNotFoundError):
        os.chmod(directory, 0o700)  # a program may take away its own permissions
        aside = f"{scratch}/{_ASIDE}{os.urandom(8).hex()}"
        os.rename(directory, aside)
        if os.geteuid() == 0:
            os.chown(aside, 0, 0)


class Waste:
    """What was set aside in a scratch folder. It is removed in small steps: a program may leave a million files."""

    def __init__(self, scratch: str) -> None:
        self._scratch = scratch
        self._steps: Iterator[None] = iter(())
        self._name = ""
        self._given_up: set[str] = set()

    def remove_some(self, seconds: float) -> bool:
        """Remove for at most `seconds`. Return whether something is left."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if next(self._steps, self) is not self:
                    continue
            except OSError:
                self._given_up.add(self._name)
            found = set(os.listdir(self._scratch)) - self._given_up
            names = [name for name in found if name.startswith(_ASIDE)]
            if not names:
                self._steps = iter(())
                return False
            self._name = names[0]
            self._steps = _removal(f"{self._scratch}/{self._name}")
        return True


def remove(folder: str) -> None:
    """Remove a folder and all that is in it, as far as that is possible."""
    with suppress(OSError):
        for _ in _removal(folder):
            pass


def _removal(folder: str) -> Iterator[None]:
    """Remove a folder in small steps. No process may use it any more.

    This needs one descriptor and no path: a program may have nested directories deeper than descriptors or paths allow.
    """
    os.chmod(folder, 0o700)
    here = os.open(folder, _DIRECTORY)
    below: list[str] = []
    try:
        while True:
            inner = None
            with os.scandir(here) as entries:
                for entry in entries:
                    yield
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.name, dir_fd=here)
                        continue
                    inner = entry.name
                    break
            if inner is not None:
                os.chmod(inner, 0o700, dir_fd=here)  # a program may take away its own permissions
                here, outer = os.open(inner, _DIRECTORY, dir_fd=here), here
                below.append(inner)
            elif below:
                here, outer = os.open("..", _DIRECTORY, dir_fd=here), here
                os.rmdir(below.pop(), dir_fd=here)
            else:
                break
            os.close(outer)
    finally:
        os.close(here)
    os.rmdir(folder)
