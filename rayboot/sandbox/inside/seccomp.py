"""The filter on system calls, which allows those of `syscalls.py` and no others.

It allows no fork and no exec (except for commands of other languages, whose compilers and run-times need both), no
sockets except pairs of AF_UNIX, and no signals to other processes. ptrace, mount, bpf, keyctl, io_uring, unshare,
memfd_create and whatever a later kernel adds are refused (EPERM) because they are not on the list.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from dataclasses import dataclass
from functools import lru_cache

from . import kernel
from .syscalls import COMMAND_NUMBERS, NUMBERS, XATTR_NUMBERS

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_REFUSE = _ERRNO | errno.EPERM
_AF_UNIX = 1
_FILTER_MODE = 2

_SIGNAL_OWNER_FCNTLS = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: they make the kernel send a signal of one's choice to any process."""
_IOCTLS = (0x5401, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS and TIOCGPGRP (is this a terminal?), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. Others would reveal the
machine's interfaces and addresses on any socket, have signals sent, or type into a terminal."""

_NEW_NAMESPACES = 0x7E020080
"""The bits of clone's flags that create namespaces."""
_PR_SET_NAME = 15
_OWN_PID = 0x6F776E21
"""Placeholder for the pid, higher than any pid that Linux assigns."""

_Code = list[tuple[int, int, int, int]]


def supported() -> bool:
    return os.uname().machine in _AUDIT_ARCH


def _argument(index: int) -> int:
    """Return the offset of an argument's low half in `struct seccomp_data`."""
    return 16 + 8 * index


def _return(value: int) -> _Code:
    return [(_RETURN, 0, 0, value)]


def _only_if(*conditions: tuple[int, int, int]) -> _Code:
    """Return code that allows the call if each condition (offset, jump, value) holds."""
    code: _Code = []
    for position, (offset, jump, value) in enumerate(conditions):
        to_refusal = 2 * (len(conditions) - position - 1) + 1
        code += [(_LOAD, 0, 0, offset), (jump, 0, to_refusal, value)]
    return [*code, *_return(_ALLOW), *_return(_REFUSE)]


def _unless(offset: int, values: tuple[int, ...]) -> _Code:
    """Return code that allows the call if the 32-bit word at `offset` is none of these values."""
    tests = [(_IF_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, *_return(_ALLOW), *_return(_REFUSE)]


def _only_among(offset: int, values: tuple[int, ...]) -> _Code:
    """Return code that allows the call if the 32-bit word at `offset` is one of these values."""
    tests = [(_IF_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, *_return(_REFUSE), *_return(_ALLOW)]


def _aborts() -> _Code:
    """Return code that ends a process by SIGSYS when it sends itself SIGABRT.

    The first process of a pid namespace would ignore SIGABRT, and C's `abort` would then end by SIGSEGV.
    """
    return [(_LOAD, 0, 0, _argument(2)), (_IF_EQUAL, 0, 1, signal.SIGABRT), *_return(_KILL)]


def _without_bits(offset: int, mask: int) -> _Code:
    """Return code that allows the call if the 32-bit word at `offset` has none of these bits."""
    return [(_LOAD, 0, 0, offset), (_IF_ANY_BIT, 1, 0, mask), *_return(_ALLOW), *_return(_REFUSE)]


def _search(starts: list[tuple[int, _Code]]) -> _Code:
    """Return a binary search for the call's number, which ends at the code of the last start that is not greater.

    When the filter is installed, the kernel walks it once for every call's number, so a list would cost each child a
    millisecond.
    """
    if len(starts) == 1:
        return starts[0][1]
    middle = len(starts) // 2
    left, right = _search(starts[:middle]), _search(starts[middle:])
    return [(_IF_AT_LEAST, len(left), 0, starts[middle][0]), *left, *right]


@dataclass(frozen=True)
class _Filter:
    """A filter in memory that is never moved, so that a child only has to fill in its pid."""

    instructions: bytearray
    pid_offsets: list[int]
    program: ctypes.Array[ctypes.c_char]
    """`struct sock_fprog`: number of instructions, and their address."""


@lru_cache
def prepared(commands: bool, alone: bool) -> _Filter:
    """Return the filter for these arguments of `restrict`. The fork server calls this in advance: it takes a while."""
    code = _code(commands, alone)
    instructions = bytearray().join(struct.pack("<HBBI", *instruction) for instruction in code)
    offsets = [8 * index + 4 for index, (*_, value) in enumerate(code) if value == _OWN_PID]
    address = ctypes.addressof(ctypes.c_char.from_buffer(instructions))
    return _Filter(instructions, offsets, ctypes.create_string_buffer(struct.pack("@HP", len(code), address)))


def _code(commands: bool, alone: bool) -> _Code:
    """Return the filter's instructions, with `_OWN_PID` in place of the process's pid."""
    machine = os.uname().machine
    column = 0 if machine == "x86_64" else 1
    special = {
        **dict.fromkeys(XATTR_NUMBERS, _return(_ERRNO | errno.ENOTSUP)),  # `shutil.copy2` then skips them
        "clone": _only_if((_argument(0), _IF_ANY_BIT, kernel.CLONE_THREAD)),
        # A filter cannot see its flags: glibc falls back to clone.
        "clone3": _return(_ERRNO | errno.ENOSYS),
        "kill": _only_if((_argument(0), _IF_EQUAL, _OWN_PID)),
        "tgkill": [*_aborts(), *_only_if((_argument(0), _IF_EQUAL, _OWN_PID))],
        "fcntl": _unless(_argument(1), _SIGNAL_OWNER_FCNTLS),
        "ioctl": _only_among(_argument(1), _IOCTLS),
        "prlimit64": _only_if((_argument(0), _IF_EQUAL, 0)),
        "socketpair": _only_if((_argument(0), _IF_EQUAL, _AF_UNIX)),
        "sendto": _only_if((_argument(4), _IF_EQUAL, 0), (_argument(4) + 4, _IF_EQUAL, 0)),  # no address
    }
    if commands:
        special["clone"] = _without_bits(_argument(0), _NEW_NAMESPACES)
        special["sched_setaffinity"] = _only_if((_argument(0), _IF_EQUAL, 0))
        special["prctl"] = _only_if((_argument(0), _IF_EQUAL, _PR_SET_NAME))
    if commands and alone:  # in its own pid namespace it sees no other process
        del special["kill"]
        special["tgkill"] = [*_aborts(), *_return(_ALLOW)]
    rules: dict[int, _Code] = {}
    for name, pair in {**NUMBERS, **XATTR_NUMBERS, **(COMMAND_NUMBERS if commands else {})}.items():
        number = pair[column]
        if number is not None:
            rules[number] = special.get(name, _return(_ALLOW))
    starts = [(0, rules.get(0, _return(_REFUSE)))]
    for number in range(1, max(rules) + 2):
        rule = rules.get(number, _return(_REFUSE))
        if rule != starts[-1][1]:
            starts.append((number, rule))
    head: _Code = [
        (_LOAD, 0, 0, 4),
        (_IF_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, 0),
    ]
    return [*head, *_search(starts)]


def restrict(pid: int, commands: bool, alone: bool) -> None:
    """Bind this process to the filter irrevocably. Needs `no_new_privs`.

    Args:
        pid: The process's own pid, as it sees it itself.
        commands: Whether it will become a command of another language, which may start processes.
        alone: Whether it is in its own pid namespace, where it may send signals.
    """
    found = prepared(commands, alone)
    for offset in found.pid_offsets:
        struct.pack_into("<I", found.instructions, offset, pid)
    kernel.prctl("seccomp", kernel.PR_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(found.program))
