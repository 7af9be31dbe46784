"""Landlock: which files a program may access; no TCP, no abstract sockets, no signals to other processes.

It needs no privilege. Linux 5.13 restricts files, 6.7 TCP, 6.12 signals and abstract sockets.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from . import kernel

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION_QUERY = 1
_PATH_BENEATH = ctypes.c_int(1)
_NO_FLAGS = ctypes.c_uint(0)

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_FILE_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_READ = _EXECUTE | _READ_FILE | _READ_DIR


def abi() -> int:
    """Return the kernel's Landlock version; 0 if it has none."""
    try:
        return kernel.syscall("landlock", _CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_QUERY))
    except OSError:
        return 0


def _file_rights() -> int:
    return max(rights for version, rights in _FILE_RIGHTS_BY_ABI.items() if version <= abi())


def ruleset(readable: Iterable[str], writable: Iterable[str]) -> int:
    """Return a descriptor of rules that allow reading below some paths, everything below others, and nothing else."""
    version, rights = abi(), _file_rights()
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    # Files; TCP bind and connect; abstract sockets and signals.
    attributes = (ctypes.c_uint64 * 3)(rights, 0b11, 0b11)
    rules = kernel.syscall("landlock_create_ruleset", _CREATE, attributes, ctypes.c_size_t(size), _NO_FLAGS)
    for path in readable:
        _allow(rules, path, _READ)
    for path in writable:
        _allow(rules, path, rights)
    return rules


def _allow(rules: int, path: str, rights: int) -> None:
    if not os.path.isdir(path):
        rights &= _ON_FILES & _file_rights()
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = rights.to_bytes(8, "little") + fd.to_bytes(4, "little")
        kernel.syscall("landlock_add_rule", _ADD_RULE, ctypes.c_int(rules), _PATH_BENEATH, rule, _NO_FLAGS)
    finally:
        os.close(fd)


def restrict(rules: int) -> None:
    """Bind this process and all its descendants to the rules irrevocably. Needs `no_new_privs`."""
    kernel.syscall("landlock_restrict_self", _RESTRICT, ctypes.c_int(rules), _NO_FLAGS)
