"""Standard streams of the fork server's children, like those of a Python that reads a file and prints to pipes."""

from __future__ import annotations

import builtins
import gc
import io
import os
import sys
from contextlib import suppress
from typing import Any

_DESCRIPTORS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2} | {
    f"{folder}/{number}": number for folder in ("/dev/fd", "/proc/self/fd") for number in range(3)
}


def renew() -> None:
    """Create the streams again, for what the descriptors are now."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old, mode = getattr(sys, name), "w" if number else "r"
        raw = io.FileIO(number, mode, closefd=False)
        raw.name = f"<{name}>"
        buffer = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
        stream = io.TextIOWrapper(buffer, old.encoding, old.errors, line_buffering=number == 2)
        stream.mode = mode  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def flush() -> None:
    for name in ("__stdout__", "__stderr__", "stdout", "stderr"):  # a program may have deleted one
        with suppress(Exception):
            getattr(sys, name).flush()


def flush_all() -> None:
    """Write what files still buffer, as an interpreter does when it exits."""
    files = [o for o in gc.get_objects() if issubclass(type(o), io.TextIOWrapper | io.BufferedWriter)]
    for file in sorted(files, key=lambda file: issubclass(type(file), io.BufferedWriter)):
        with suppress(Exception):
            file.flush()


def name_descriptors() -> None:
    """Make it possible to open `/dev/stdin` and the like, which do not exist as files in a cell."""
    genuine, genuine_os = io.open, os.open

    def open(file: Any, *args: Any, **kwargs: Any) -> Any:
        return genuine(_descriptor(file), *args, **kwargs)

    def os_open(path: Any, *args: Any, **kwargs: Any) -> int:
        found = _descriptor(path)
        return found if isinstance(found, int) else genuine_os(path, *args, **kwargs)

    builtins.open = io.open = open
    os.open = os_open


def _descriptor(file: Any) -> Any:
    if not isinstance(file, str | os.PathLike):
        return file
    number = _DESCRIPTORS.get(os.fspath(file))
    return file if number is None else os.dup(number)
