"""Removing what a program has left, whatever it did to be in the way."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress


def empty(folder: str) -> None:
    """Remove all that is in a folder. No process may be at work in it any more.

    What a directory holds moves up before it is removed: a program may have nested directories deeper than a path, or
    Python's recursion, can go.
    """
    os.chmod(folder, 0o700)  # a program may take away its own right to a directory
    unguessable = os.urandom(8).hex()
    names = (f"{folder}/{unguessable}-{number}" for number in itertools.count())
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _move_up(entry.path, names)
                os.rmdir(entry.path)
            else:
                os.unlink(entry.path)


def remove(folder: str) -> None:
    """Remove a folder and all that is in it, as far as that can be done."""
    with suppress(OSError):
        empty(folder)
        os.rmdir(folder)


def _move_up(directory: str, names: Iterator[str]) -> None:
    os.chmod(directory, 0o700)
    for entry in list(os.scandir(directory)):
        if entry.is_dir(follow_symlinks=False):
            os.chmod(entry.path, 0o700)
        os.rename(entry.path, next(names))
