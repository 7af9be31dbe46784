"""The filter on system calls: those of `syscalls.py` and no others.

No fork, no exec (but for commands of other languages, whose compilers and run-times need both), no sockets but pairs of
AF_UNIX, no signals to others; ptrace, mount, bpf, keyctl, io_uring, unshare,
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
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: they have the kernel send a signal of one's choice to any process."""
_IOCTLS = (0x5401, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS and TIOCGPGRP (is this a terminal?), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX. Others would tell the
machine's interfaces and addresses by any socket, have signals sent, or type into a terminal."""

_NEW_NAMESPACES = 0x7E020080
"""The bits of clone's flags that make namespaces."""
_PR_SET_NAME = 15
_OWN_PID = 0x6F776E21
"""Stands for the pid, which is higher than any that Linux gives."""

_Code = list[tuple[int, int, int, int]]


def supported() -> bool:
    return os.uname().machine in _AUDIT_ARCH


def _argument(index: int) -> int:
    """Offset of the low half of an argument in `struct seccomp_data`."""
    return 16 + 8 * index


def _return(value: int) -> _Code:
    return [(_RETURN, 0, 0, value)]


def _only_if(*conditions: tuple[int, int, int]) -> _Code:
    """Allow if each (offset, jump, value) holds."""
    code: _Code = []
    for position, (offset, jump, value) in enumerate(conditions):
        to_refusal = 2 * (len(conditions) - position - 1) + 1
        code += [(_LOAD, 0, 0, offset), (jump, 0, to_refusal, value)]
    return [*code, *_return(_ALLOW), *_return(_REFUSE)]


def _unless(offset: int, values: tuple[int, ...]) -> _Code:
    """Allow if the half word at `offset` is none of these values."""
    tests = [(_IF_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, *_return(_ALLOW), *_return(_REFUSE)]


def _only_among(offset: int, values: tuple[int, ...]) -> _Code:
    """Allow if the half word at `offset` is one of these values."""
    tests = [(_IF_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, *_return(_REFUSE), *_return(_ALLOW)]


def _aborts() -> _Code:
    """End a process that sends itself SIGABRT, by SIGSYS: the first of a pid namespace would not hear it, and C's
    `abort` then ends by SIGSEGV."""
    return [(_LOAD, 0, 0, _argument(2)), (_IF_EQUAL, 0, 1, signal.SIGABRT), *_return(_KILL)]


def _without_bits(offset: int, mask: int) -> _Code:
    """Allow if the half word at `offset` has none of these bits."""
    return [(_LOAD, 0, 0, offset), (_IF_ANY_BIT, 1, 0, mask), *_return(_ALLOW), *_return(_REFUSE)]


def _search(starts: list[tuple[int, _Code]]) -> _Code:
    """A binary search for the number: the code of the last start that is not greater. The kernel walks the filter once
    for every call's number when it is installed, so a list would cost each child a millisecond."""
    if len(starts) == 1:
        return starts[0][1]
    middle = len(starts) // 2
    left, right = _search(starts[:middle]), _search(starts[middle:])
    return [(_IF_AT_LEAST, len(left), 0, starts[middle][0]), *left, *right]


@dataclass(frozen=True)
class _Filter:
    """A filter in memory that stays where it is, so that a child has but to fill its pid in."""

    instructions: bytearray
    pid_offsets: list[int]
    program: ctypes.Array[ctypes.c_char]
    """`struct sock_fprog`: how many instructions, and where."""


@lru_cache
def prepared(commands: bool, alone: bool) -> _Filter:
    """The filter for these arguments of `restrict`. To be called by the fork server, since it takes a while."""
    code = _code(commands, alone)
    instructions = bytearray().join(struct.pack("<HBBI", *instruction) for instruction in code)
    offsets = [8 * index + 4 for index, (*_, value) in enumerate(code) if value == _OWN_PID]
    address = ctypes.addressof(ctypes.c_char.from_buffer(instructions))
    return _Filter(instructions, offsets, ctypes.create_string_buffer(struct.pack("@HP", len(code), address)))


def _code(commands: bool, alone: bool) -> _Code:
    """The filter's instructions, with `_OWN_PID` for the pid of the process."""
    machine = os.uname().machine
    column = 0 if machine == "x86_64" else 1
    special = {
        **dict.fromkeys(XATTR_NUMBERS, _return(_ERRNO | errno.ENOTSUP)),  # `shutil.copy2` then does without
        "clone": _only_if((_argument(0), _IF_ANY_BIT, kernel.CLONE_THREAD)),
        "clone3": _return(
            _ERRNO | errno.ENOSYS
        ),  # its flags are out of a filter's reach: glibc falls back to clone
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
    if commands and alone:  # in a namespace of its own it sees no other process
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
    """Bind this process, whose own pid is `pid`, to the filter, for ever. Needs `no_new_privs`.

    Args:
        commands: It will become a command of another language, which may start processes.
        alone: It is in a pid namespace of its own, and may send signals there.
    """
    found = prepared(commands, alone)
    for offset in found.pid_offsets:
        struct.pack_into("<I", found.instructions, offset, pid)
    kernel.prctl("seccomp", kernel.PR_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(found.program))
