"""The filter on system calls, which allows those of the lists below and no others.

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

_MACHINE = os.uname().machine
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


def _numbers(text: str) -> dict[str, int]:
    """Parse `name:x86-64:arm64`, with - where a machine has no such call. Return this machine's numbers."""
    calls = [word.split(":") for word in text.split() if ":" in word]
    numbers = {name: x86 if _MACHINE == "x86_64" else arm for name, x86, arm in calls}
    return {name: int(number) for name, number in numbers.items() if number != "-"}


_NUMBERS = _numbers("""
descriptors
    read:0:63 write:1:64 pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66 preadv:295:69 pwritev:296:70
    lseek:8:62 close:3:57 close_range:436:436 dup:32:23 dup2:33:- dup3:292:24 fcntl:72:25 ioctl:16:29
    flock:73:32 fsync:74:82 fdatasync:75:83 sendfile:40:71 fadvise64:221:223 fallocate:285:47 pipe:22:-
    pipe2:293:59 eventfd:284:- eventfd2:290:19 poll:7:- ppoll:271:73 select:23:- pselect6:270:72
    epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:- epoll_pwait:281:22
files and directories
    open:2:- openat:257:56 creat:85:- stat:4:- lstat:6:- fstat:5:80 newfstatat:262:79 statx:332:291
    access:21:- faccessat:269:48 faccessat2:439:439 truncate:76:45 ftruncate:77:46 getdents:78:-
    getdents64:217:61 getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82:- renameat:264:38 renameat2:316:276
    mkdir:83:- mkdirat:258:34 rmdir:84:- unlink:87:- unlinkat:263:35 link:86:- linkat:265:37 symlink:88:-
    symlinkat:266:36 readlink:89:- readlinkat:267:78 chmod:90:- fchmod:91:52 fchmodat:268:53 umask:95:166
    utimensat:280:88 statfs:137:43 fstatfs:138:44
memory
    mmap:9:222 munmap:11:215 mprotect:10:226 brk:12:214 mremap:25:216 madvise:28:233 msync:26:227
    mincore:27:232 membarrier:324:283
signals
    rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigpending:127:136
    rt_sigtimedwait:128:137 rt_sigsuspend:130:133 sigaltstack:131:132 kill:62:129 tgkill:234:131 alarm:37:-
    pause:34:- getitimer:36:102 setitimer:38:103 restart_syscall:219:128
time
    clock_gettime:228:113 clock_getres:229:114 clock_nanosleep:230:115 nanosleep:35:101 gettimeofday:96:169
    time:201:- times:100:153
the process itself, its threads and children
    getpid:39:172 getppid:110:173 gettid:186:178 getuid:102:174 geteuid:107:175 getgid:104:176
    getegid:108:177 getresuid:118:148 getresgid:120:150 getgroups:115:158 getpgrp:111:- getpgid:121:155
    getsid:124:156 getrusage:98:165 getrlimit:97:163 setrlimit:160:164 prlimit64:302:261 sysinfo:99:179
    uname:63:160 getrandom:318:278 arch_prctl:158:- clone:56:220 clone3:435:435 exit:60:93 exit_group:231:94
    wait4:61:260 waitid:247:95 futex:202:98 set_robust_list:273:99 get_robust_list:274:100
    set_tid_address:218:96 rseq:334:293 sched_yield:24:124 sched_getaffinity:204:123
    sched_get_priority_max:146:125 sched_get_priority_min:147:126 getcpu:309:168
pairs of sockets
    socketpair:53:199 sendto:44:206 recvfrom:45:207 shutdown:48:210 getsockopt:55:209 setsockopt:54:208
    getsockname:51:204 getpeername:52:205
""")
"""System calls that a program may make, some of them only as `_code` says."""
_COMMAND_NUMBERS = _numbers("""
    execve:59:221 fork:57:- vfork:58:- prctl:157:167 sched_setaffinity:203:122 sched_getparam:143:121
    sched_getscheduler:145:120 getpriority:140:141 timerfd_create:283:85 timerfd_settime:286:86
    timer_create:222:107 timer_settime:223:110 timer_delete:226:111 copy_file_range:326:285
""")
"""Additional system calls that commands of other languages may make."""
_XATTR_NUMBERS = _numbers("""
    setxattr:188:5 lsetxattr:189:6 fsetxattr:190:7 getxattr:191:8 lgetxattr:192:9 fgetxattr:193:10
    listxattr:194:11 llistxattr:195:12 flistxattr:196:13 removexattr:197:14 lremovexattr:198:15
    fremovexattr:199:16
""")
"""System calls that fail as on a file system without extended attributes."""


def supported() -> bool:
    return _MACHINE in _AUDIT_ARCH


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


def _if_among(offset: int, values: tuple[int, ...], then: int, otherwise: int) -> _Code:
    """Return code whose result depends on whether the 32-bit word at `offset` is one of these values."""
    tests = [(_IF_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [(_LOAD, 0, 0, offset), *tests, *_return(otherwise), *_return(then)]


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
    special = {
        **dict.fromkeys(_XATTR_NUMBERS, _return(_ERRNO | errno.ENOTSUP)),  # `shutil.copy2` then skips them
        "clone": _only_if((_argument(0), _IF_ANY_BIT, kernel.CLONE_THREAD)),
        # A filter cannot see its flags: glibc falls back to clone.
        "clone3": _return(_ERRNO | errno.ENOSYS),
        "kill": _only_if((_argument(0), _IF_EQUAL, _OWN_PID)),
        "tgkill": [*_aborts(), *_only_if((_argument(0), _IF_EQUAL, _OWN_PID))],
        "fcntl": _if_among(_argument(1), _SIGNAL_OWNER_FCNTLS, _REFUSE, _ALLOW),
        "ioctl": _if_among(_argument(1), _IOCTLS, _ALLOW, _REFUSE),
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
    numbers = {**_NUMBERS, **_XATTR_NUMBERS, **(_COMMAND_NUMBERS if commands else {})}
    rules = {number: special.get(name, _return(_ALLOW)) for name, number in numbers.items()}
    starts = [(0, rules.get(0, _return(_REFUSE)))]
    for number in range(1, max(rules) + 2):
        rule = rules.get(number, _return(_REFUSE))
        if rule != starts[-1][1]:
            starts.append((number, rule))
    head: _Code = [
        (_LOAD, 0, 0, 4),
        (_IF_EQUAL, 1, 0, _AUDIT_ARCH[_MACHINE]),
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
