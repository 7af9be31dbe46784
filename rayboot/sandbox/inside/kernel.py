"""System calls that Python's standard library does not wrap (Python 3.12 wraps some of them)."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

CLONE_THREAD = 0x00010000
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID = 1, 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 8, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
READ_SEARCH = 1 << 2
"""CAP_DAC_READ_SEARCH: reading whatever a file's mode says. Landlock's rules still apply."""

_MACHINE = os.uname().machine
_SYS_PIVOT_ROOT, _SYS_CAPSET, _SYS_CLONE = (155, 126, 56) if _MACHINE == "x86_64" else (41, 91, 220)
_SYS_MOUNT_SETATTR = 442  # the same on every architecture, like all newer calls

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
_libc_with_lock = ctypes.PyDLL(None, use_errno=True)  # keeps the GIL, which a fork must hold
_libc_with_lock.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def syscall(what: str, number: int, *args: object) -> int:
    return _check(libc.syscall(ctypes.c_long(number), *args), what)


def prctl(what: str, option: int, *args: int) -> None:
    rest = [ctypes.c_ulong(value) for value in (*args, 0, 0, 0, 0)[:4]]
    _check(libc.prctl(option, *rest), what)


def unshare(flags: int) -> None:
    _check(libc.unshare(flags), "unshare")


def fork_into_pid_namespace() -> int:
    """Fork as os.fork does, but make the child the first process of a new pid namespace. For a single-threaded process.

    With `unshare` and os.fork this process would have to return to its own namespace, which no ordinary user may do.
    """
    flags = ctypes.c_ulong(CLONE_NEWPID | signal.SIGCHLD)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = _libc_with_lock.syscall(ctypes.c_long(_SYS_CLONE), flags, *[ctypes.c_ulong(0)] * 4)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    return _check(pid, "clone")


def reap_group(leader: int) -> tuple[int, float, int]:
    """Wait for a child that leads a process group and is dead or dying, then kill all others of the group.

    No process of a program can leave its group, because seccomp refuses `setsid` and `setpgid`. So none outlives the
    program, and one signal to the group reaches them all, however fast they fork. For a subreaper, which inherits them.

    Return the leader's wait status, the CPU seconds of all, and the peak memory of the largest, in bytes.
    """
    os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT)  # while it is not reaped, its pid is not reused
    with suppress(ProcessLookupError):  # it died before it became a leader
        os.killpg(leader, signal.SIGKILL)
    _, status, usage = os.wait4(leader, 0)
    usages = [usage]
    with suppress(ChildProcessError):
        while True:
            usages.append(os.wait4(-leader, 0)[2])
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return status, seconds, max(usage.ru_maxrss for usage in usages) * 1024


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    names = os.fsencode(source), os.fsencode(target), kind.encode() if kind else None
    _check(libc.mount(*names, ctypes.c_ulong(flags), options.encode()), f"mount {target}")


def unmount(path: str) -> None:
    """Detach a mount. What of it is still in use disappears when its use ends."""
    _check(libc.umount2(os.fsencode(path), MNT_DETACH), f"umount {path}")


def make_read_only(path: str) -> None:
    """Make a mount and all mounts below it read-only, and have them ignore set-user-id bits."""
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    where = ctypes.c_int(_AT_FDCWD), os.fsencode(path), ctypes.c_uint(_AT_RECURSIVE)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    syscall("mount_setattr", _SYS_MOUNT_SETATTR, *where, attributes, size)


def pivot_root(path: str) -> None:
    """Make the mount `path` the root directory, and detach the old one."""
    os.chdir(path)
    syscall("pivot_root", _SYS_PIVOT_ROOT, b".", b".")
    unmount(".")
    os.chdir("/")


def drop_capabilities(but: int) -> None:
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    effective_and_permitted = (ctypes.c_uint32 * 6)(but, but)
    syscall("capset", _SYS_CAPSET, version_3, effective_and_permitted)
