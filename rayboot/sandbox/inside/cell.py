"""The isolation of one child of the fork server: what it can still do after `Isolation.enter`."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from . import kernel, landlock, leftovers, newroot, seccomp
from .framing import Message

Level = Literal["A", "B", "C", "runsc"]
"""`runsc`: inside a gVisor container, which takes over Landlock's part, and has no mount namespaces."""
_ALONE = ("A", "runsc")
"""Levels at which each program has its own pid namespace, and the work directory is a file system in memory."""
Profile = Literal["python", "command"]
"""What runs in the cell: the fork server's own Python, or a command of another language, which may start processes."""

_CONTAINER_UID = 65534
_FILE_BYTES = {"python": 16 << 20, "command": 64 << 20}
_WORK_OPTIONS = "size=64m,mode=700"
BUILD_SECONDS = 30
"""Time limit of a compiler. Its time does not count towards the program's limit."""
_WORK_MODE = 0o40700
_OPEN_FILES = {"python": 64, "command": 256}
_THREADS = {"python": 64, "command": 192}
_HIGH = 256
"""Descriptors from this number on are not closed when a cell is entered."""
_FIRST_UID = 2_000_000
_FEW_UIDS = 1000
_TO_CHANGE_USER = sum(1 << capability for capability in (0, 1, 3, 5, 6, 7))
"""CAP_CHOWN, _DAC_OVERRIDE and _FOWNER (the work directory), _KILL, _SETGID and _SETUID."""


@dataclass(frozen=True)
class Isolation:
    """The layers of a tier, prepared once by the fork server, and entered by every child."""

    level: Level
    readable: tuple[str, ...]
    uid: int | None
    """User id that the programs take; None if this process may not change it."""
    scratch: str
    """Parent of the work directories, at levels that mount none. No program may list it, and their names are random, so
    that no program finds that of another."""
    work_directory: str
    """Work directory of Python programs, which run one after the other."""
    rules: int | None
    """Descriptor of Landlock's rules for Python programs; None at levels without Landlock."""
    lifeline: tuple[int, int]
    """A pipe whose write end only the fork server holds open."""
    complaints: tuple[int, int]
    """A pipe to which a child can write while it enters its cell, and no program can."""
    capabilities: int = 0
    """Capabilities that Python programs keep: without them some could not reach Python's own library, for example in
    root's home."""

    @classmethod
    def prepare(cls, level: Level, scratch: str, readable: list[str]) -> Isolation:
        """Enter the namespaces of the fork server itself, if the level has any, and prepare the other layers.

        `scratch` is the parent of the work directories, at levels that do not mount them. `readable` are paths that
        programs may read beside Python's library. Raise OSError if the system does not offer this level.
        """
        uid = _CONTAINER_UID if level == "runsc" else _private_uid()
        readable = newroot.readable_paths(readable)
        work = newroot.WORK_DIRECTORY
        capabilities = 0
        if level == "B" and uid is not None and any(map(_excludes_others, readable)):
            capabilities = kernel.READ_SEARCH
            if not _has_capabilities(capabilities):
                raise OSError(f"others than root cannot read {next(filter(_excludes_others, readable))}")
        if level == "A" and newroot.enter(readable):
            uid = None  # a user namespace has only one id
        if level not in _ALONE:
            os.chmod(scratch, 0o711)
            work = f"{scratch}/{_unguessable()}/work"
            os.mkdir(os.path.dirname(work), 0o711)
        elif level == "runsc" and os.path.exists(work):  # left by an earlier fork server, which has died
            with suppress(OSError):
                kernel.unmount(work)
            os.rmdir(work)
        _make_directory(level, work, uid)
        # At every level the rule is for the parent directory, since the work directory itself is replaced.
        rules = None if level in ("C", "runsc") else _rules(level, os.path.dirname(work), readable)
        kernel.prctl("no_new_privs", kernel.PR_SET_NO_NEW_PRIVS, 1)
        if level != "C":
            for commands in (False, True):
                seccomp.prepared(commands, level in _ALONE)
        pipes = os.pipe(), _complaint_pipe()
        return cls(level, tuple(readable), uid, scratch, work, rules, *pipes, capabilities)

    def fork(self) -> int:
        return kernel.fork_into_pid_namespace() if self.level in _ALONE else os.fork()

    def new_directory(self) -> str:
        """Make a work directory for one command, to which no other may write. Return "" where `enter` mounts one."""
        if self.level == "A":
            return ""
        directory = f"{self.scratch}/{_unguessable()}"
        _make_directory(self.level, directory, self.uid)
        return directory

    def enter(
        self, fds: list[int], limits: Message, profile: Profile, executes: bool = False, directory: str = ""
    ) -> None:
        """Isolate this process irrevocably. `fds` become 0, 1, 2, ...; all other descriptors are closed.

        `executes`: files of the work directory may be executed, such as a compiler's output. `directory`: for a
        command, the result of `new_directory`.
        """
        try:
            self._enter(fds, limits, profile, executes, directory)
        except BaseException as error:
            os.write(self.complaints[1], f"isolation failed: {error}".encode())
            os._exit(1)
        os.close(self.complaints[1])

    def complaint(self) -> str:
        """Return what kept the child that ended last from entering its cell; empty if nothing did."""
        try:
            return os.read(self.complaints[0], 1000).decode()
        except BlockingIOError:
            return ""

    def _enter(
        self, fds: list[int], limits: Message, profile: Profile, executes: bool, directory: str
    ) -> None:
        os.setsid()
        kernel.prctl("pdeathsig", kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if self.level == "A" and profile == "command":
            # A persistent compiler or judge must not see the files of programs. Those of Python programs, which run
            # one after the other, are removed instead: its own namespace would cost each program a millisecond.
            kernel.unshare(kernel.CLONE_NEWNS)
            _mount_work_directory("A", newroot.WORK_DIRECTORY, self.uid, executes)
        os.chdir(directory or self.work_directory)
        rules = self.rules
        if directory and rules is not None:
            rules = _rules(self.level, directory, self.readable)
        self._drop_privileges(self.capabilities if profile == "python" else 0)
        kernel.prctl("pdeathsig", kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # changing the user has cleared it
        self._die_with_fork_server()
        if rules is not None:
            landlock.restrict(rules)
        _keep_only(fds)
        _set_limits(limits, profile, self.level, private_user=self.uid is not None or self.level == "A")
        if self.level != "C":
            seccomp.restrict(os.getpid(), profile == "command", self.level in _ALONE)

    def _drop_privileges(self, capabilities: int) -> None:
        if self.uid is not None:
            kernel.prctl("keepcaps", kernel.PR_SET_KEEPCAPS, bool(capabilities))
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        kernel.drop_capabilities(but=capabilities)

    def _die_with_fork_server(self) -> None:
        """Exit if the fork server has died, which may have happened before the first PDEATHSIG was set."""
        os.close(self.lifeline[1])
        poll = select.poll()
        poll.register(self.lifeline[0], 0)
        if poll.poll(0):
            os._exit(0)

    def clean(self, directory: str) -> None:
        """Take a command's directory away, or give the next Python program an empty one.

        All processes of the last program must have ended. The time does not depend on how much the program has left:
        its files are removed later (`leftovers.py`).
        """
        if directory:
            self._discard(directory)
        elif not _is_fresh(self.work_directory):
            self._discard(self.work_directory)
            _make_directory(self.level, self.work_directory, self.uid)

    def _discard(self, directory: str) -> None:
        if self.level in _ALONE:
            kernel.unmount(directory)
            if self.level == "runsc":
                os.rmdir(directory)
        else:
            leftovers.set_aside(directory, self.scratch)


def _private_uid() -> int | None:
    """Return a user id for this fork server's programs; None if this process may not change its user.

    No other process has it: limits on processes apply per user, and so does the right to send signals.
    """
    if os.geteuid() != 0 or not _has_capabilities(_TO_CHANGE_USER):
        return None
    count = min(_ids("uid_map"), _ids("gid_map"))  # a rootless container maps few
    if count > 2 * _FIRST_UID:
        return _FIRST_UID + os.getpid() % _FIRST_UID
    return count - 1 - os.getpid() % (count // 2) if count > _FEW_UIDS else None


def _has_capabilities(needed: int) -> bool:
    """Return whether this process has the capabilities of the mask, whose bits capabilities(7) numbers."""
    masks = (line.split()[1] for line in _lines("status") if line.startswith("CapEff:"))
    return int(next(masks, "0"), 16) & needed == needed


def _ids(name: str) -> int:
    """Return how many ids from 0 on exist in this user namespace."""
    mappings = [tuple(map(int, line.split())) for line in _lines(name)]
    return next((count for inside, _, count in mappings if inside == 0), 0)


def _lines(name: str) -> list[str]:
    with open(f"/proc/self/{name}") as file:
        return file.read().splitlines()


def _excludes_others(path: str) -> bool:
    """Return whether the path's mode, or that of a directory above it, excludes other users."""
    above = os.path.realpath(path)
    excludes = not os.stat(above).st_mode & 0o004
    while above != "/":
        above = os.path.dirname(above)
        excludes = excludes or not os.stat(above).st_mode & 0o001
    return excludes


def _unguessable() -> str:
    return os.urandom(16).hex()


def _make_directory(level: Level, directory: str, uid: int | None) -> None:
    if level != "A":
        os.mkdir(directory, 0o700)
    if level in _ALONE:
        _mount_work_directory(level, directory, uid, executes=level == "runsc")
    elif uid is not None:
        os.chown(directory, uid, uid)


def _is_fresh(directory: str) -> bool:
    try:
        return os.stat(directory).st_mode == _WORK_MODE and not os.listdir(directory)
    except OSError:  # a program has taken away its permissions
        return False


def _complaint_pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    high = fcntl.fcntl(writer, fcntl.F_DUPFD, _HIGH)
    os.close(writer)
    return reader, high


def _mount_work_directory(level: Level, directory: str, uid: int | None, executes: bool) -> None:
    owner = "" if uid is None else f",uid={uid},gid={uid}"
    # gVisor knows fewer options; mounts that a container makes have no devices and set-user-id bits in any case.
    more, flags = (",nr_inodes=4096", kernel.MS_NOSUID | kernel.MS_NODEV) if level == "A" else ("", 0)
    flags |= 0 if executes else kernel.MS_NOEXEC
    kernel.mount("tmpfs", directory, "tmpfs", flags, f"{_WORK_OPTIONS}{more}{owner}")


def _rules(level: Level, work: str, readable: Sequence[str]) -> int:
    if landlock.abi() < 1:
        raise OSError("the kernel has no Landlock")
    if not seccomp.supported():
        raise OSError(f"no list of system calls for {os.uname().machine}")
    roots = ["/"] if level == "A" else readable
    return landlock.ruleset(roots, [work, *newroot.device_paths()])


def _keep_only(fds: list[int]) -> None:
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in fds]
    for target, fd in enumerate(high):
        os.dup2(fd, target)
    os.closerange(len(fds), _HIGH)


def _set_limits(limits: Message, profile: Profile, level: Level, private_user: bool) -> None:
    # The supervisor counts all processes together, and more precisely. A compiler's time is not the program's.
    seconds = int(limits["timeout"]) + (2 if profile == "python" else BUILD_SECONDS + 2)
    if level == "runsc":  # gVisor counts waits for the machine's processors as processor time
        seconds *= 20
    values = {
        # Other languages' run-times reserve much more address space than they use.
        resource.RLIMIT_AS if profile == "python" else resource.RLIMIT_DATA: limits["memory"],
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: _FILE_BYTES[profile],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES[profile],
    }
    if private_user:  # otherwise the user's other processes would count too
        values[resource.RLIMIT_NPROC] = _THREADS[profile]
    for kind, value in values.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        if hard:  # 0 cannot be lowered; gVisor refuses to set some limits, which are 0 in its container
            resource.setrlimit(kind, (value, value))
