"""Programs that try to break out. Each defines attempt(), which must be refused."""

# ruff: noqa: E501  (programs in one line)
from __future__ import annotations

from pathlib import Path

from hostile_attack import ESCAPED, Attack, table

HOME = str(Path.home())
HERE = str(Path(__file__))

_BEFORE = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(*numbers):
    result = libc.syscall(*map(ctypes.c_long, numbers))
    if result < 0: raise OSError(ctypes.get_errno(), "refused")
    return result
"""
_AFTER = f"""
def f(a, b):
    try: attempt()
    except (OSError, ValueError, AttributeError): return "refused"
    print({ESCAPED!r})
    return {ESCAPED!r}
"""

ATTEMPTS = {
    "fork": "attempt = lambda: os.fork() or os._exit(0)",
    "vfork through C": """
import ctypes
def attempt():
    libc = ctypes.CDLL(None, use_errno=True)
    pid = libc.syscall(58)
    if pid == 0: os._exit(0)
    if pid < 0: raise OSError(ctypes.get_errno())
""",
    "a process by clone3": """
def attempt():
    if libc.syscall(435, ctypes.create_string_buffer(88), 88) < 0: raise OSError(ctypes.get_errno())
""",
    "subprocess": "import subprocess\nattempt = lambda: subprocess.run(['/bin/true'])",
    "os.system": "def attempt():\n    if os.system('true') != 0: raise OSError",
    "exec": "attempt = lambda: os.execv('/bin/true', ['true'])",
    "multiprocessing": "import multiprocessing\nattempt = lambda: multiprocessing.Process(target=print).start()",
    "TCP": "import socket\nattempt = lambda: socket.create_connection(('127.0.0.1', 22), 1)",
    "UDP": "import socket\nattempt = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "a unix socket": "import socket\nattempt = lambda: socket.socket(socket.AF_UNIX).connect('/run/x')",
    "netlink": "import socket\nattempt = lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "vsock": "import socket\nattempt = lambda: socket.socket(40, socket.SOCK_STREAM)",
    "a message to another unix socket": """
import socket
def attempt():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.sendto(b'x', '/dev/log')
""",
    "passwords": "attempt = lambda: open('/etc/passwd').read()",
    "the home directory": f"""
def attempt():
    way_to_python = sys.base_prefix.removeprefix({HOME!r} + "/").split("/")[0]
    if set(os.listdir({HOME!r})) <= {{way_to_python}}: raise OSError
""",
    "the owner's environment": "attempt = lambda: open(f'/proc/{os.getppid() or 1}/environ').read()",
    "its own memory file": "attempt = lambda: open('/proc/self/mem', 'rb').read(1)",
    "a file outside": "attempt = lambda: open('/usr/lib/x', 'w')",
    "a file in the root directory": "attempt = lambda: open('/x', 'w')",
    "shared memory": "attempt = lambda: open('/dev/shm/x', 'w')",
    "a signal to all": "attempt = lambda: os.kill(-1, 9)",
    "a signal to its group": "attempt = lambda: os.kill(0, 9)",
    "a signal to its parent": "attempt = lambda: os.kill(os.getppid() or 2, 9)",
    "a signal by file owner": "import fcntl\nattempt = lambda: fcntl.fcntl(0, fcntl.F_SETOWN, 1)",
    "becoming root": "attempt = lambda: os.setuid(0)",
    "higher limits": "import resource\nattempt = lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
    "another process' limits": "import resource\nattempt = lambda: resource.prlimit(os.getppid() or 2, 0)",
    "a device node": "attempt = lambda: os.mknod('dev', 0o20666, os.makedev(1, 1))",
    "chroot": "attempt = lambda: os.chroot('.')",
    "sched_setaffinity": "attempt = lambda: os.sched_setaffinity(0, {0})",
    "memfd_create": "attempt = lambda: os.memfd_create('x')",
    "the environment of every process": """
def attempt():
    found = [open(f"/proc/{pid}/environ", "rb").read() for pid in range(1, 70_000) if os.path.exists(f"/proc/{pid}")]
    if not found: raise OSError
""",
    "the memory of its parent": """
def attempt():
    with open(f"/proc/{os.getppid() or 1}/mem", "rb") as file: file.read(1)
""",
    "the sandbox's other descriptors": """
def attempt():
    extra = []
    for fd in range(4, 1 << 12):
        try: extra.append(os.fstat(fd))
        except OSError: pass
    if not extra: raise OSError
""",
    "the way up from the work directory": """
def attempt():
    path = "etc/passwd"
    for _ in range(30):
        path = "../" + path
        if os.path.exists(path): return open(path).read()
    raise OSError
""",
    "the root of another process": "attempt = lambda: os.listdir(os.path.join('/proc', str(os.getppid() or 1), 'root', 'etc'))",
    "a symbolic link to a secret": "def attempt():\n    os.symlink('/etc/passwd', 'link')\n    open('link').read()",
    "a hard link to a secret": "attempt = lambda: os.link('/etc/passwd', 'link')",
    "the tests' own source": f"attempt = lambda: open({HERE!r}).read()",
    "rayboot's own source": "attempt = lambda: open(sys.modules['inside.judge'].__file__).read()",
    "the kernel's log": "attempt = lambda: open('/dev/kmsg').read(1)",
    "the machine's memory": "attempt = lambda: open('/dev/mem', 'rb').read(1)",
    "a terminal": "attempt = lambda: open('/dev/tty', 'w')",
    "settings of the kernel": "attempt = lambda: open('/proc/sys/kernel/core_pattern', 'w')",
    "control groups": "attempt = lambda: os.mkdir('/sys/fs/cgroup/x')",
    "the docker socket": "attempt = lambda: socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
    "an abstract socket": "attempt = lambda: socket.socket(socket.AF_UNIX).connect('\\0x')",
    "IPv6": "attempt = lambda: socket.socket(socket.AF_INET6)",
    "raw packets": "attempt = lambda: socket.socket(17, socket.SOCK_RAW)",
    "ICMP": "attempt = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)",
    "the kernel's ciphers": "attempt = lambda: socket.socket(38, socket.SOCK_SEQPACKET)",
    "bluetooth": "attempt = lambda: socket.socket(31, socket.SOCK_RAW, 1)",
    "a pair of internet sockets": "attempt = lambda: socket.socketpair(socket.AF_INET)",
    "names of the network": "attempt = lambda: socket.getaddrinfo('example.com', 80)",
    "a descriptor sent to its judge": """
import array
def attempt():
    here = socket.socket(fileno=os.dup(3))
    fds = array.array("i", [0, 1, 2])
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
""",
    "a daemon": "def attempt():\n    if os.fork() == 0:\n        os.setsid(); os.fork(); os.execv('/bin/sleep', ['sleep', '1000'])",
    "posix_spawn": "attempt = lambda: os.posix_spawn('/bin/true', ['true'], {})",
    "a pseudo terminal": "import pty\nattempt = pty.openpty",
    "a process pool": "from concurrent.futures import ProcessPoolExecutor as P\nattempt = lambda: P(1).submit(len, 'x').result()",
    "exec of the interpreter's own file": "attempt = lambda: os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
    "exec of a file that it wrote": """
def attempt():
    with open("run", "w") as file: file.write("#!/bin/sh\\ntrue\\n")
    os.chmod("run", 0o755)
    os.execv("./run", ["run"])
""",
    "a set-user-id file": """
def attempt():
    open("s", "w").close()
    os.chown("s", 0, 0)
""",
    "real-time priority": "attempt = lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))",
    "a higher priority": "attempt = lambda: os.setpriority(os.PRIO_PROCESS, 0, -20)",
    "more CPU time": "import resource\nattempt = lambda: resource.setrlimit(resource.RLIMIT_CPU, (1 << 40, 1 << 40))",
    "more open files": "import resource\nattempt = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 14, 1 << 14))",
    "another host name": "attempt = lambda: socket.sethostname('mine')",
    "another time": "import time\nattempt = lambda: time.clock_settime(time.CLOCK_REALTIME, 0)",
    "x32 system calls": "attempt = lambda: call(0x40000000 + 57)",
    "a system call number that is no number": "attempt = lambda: call(-1)",
    "a system call of tomorrow": "attempt = lambda: call(999)",
    "a namespace of its own": "attempt = lambda: call(272, 0x10000000 | 0x20000)",
    "a signal by pidfd": "attempt = lambda: call(424, 3, 9, 0, 0)",
    "a copy of another's descriptor": "attempt = lambda: call(438, 3, 0, 0)",
    "writing another's memory": "attempt = lambda: call(311, os.getppid() or 1, 0, 0, 0, 0, 0)",
    "secret memory": "attempt = lambda: call(447, 0)",
    "locked memory": "attempt = lambda: call(151, 3)",
    "a timer that outlives it": "attempt = lambda: call(222, 0, 0, 0)",
    "watching files": "attempt = lambda: call(294, 0)",
    "fanotify": "attempt = lambda: call(300, 0, 0)",
    "mapping low memory": "import mmap\nattempt = lambda: call(9, 0, 4096, 3, 0x32, -1, 0)",
    "comparing processes": "attempt = lambda: call(312, 1, 1, 0, 0, 0)",
    "landlock taken back": "attempt = lambda: call(444, 0, 0, 8)",
}
_SYSTEM_CALLS = {  # x86-64: number and arguments
    "ptrace": (101, 0, 0, 0, 0), "mount": (165, 0, 0, 0, 0), "unshare": (272, 0x10000000), "setns": (308, 0, 0),
    "bpf": (321, 0, 0, 0), "keyctl": (250, 0, 0, 0), "add_key": (248, 0, 0, 0, 0), "io_uring_setup": (425, 1, 0),
    "userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, 0, 0), "process_vm_readv": (310, 1, 0, 0, 0, 0),
    "shmget": (29, 0, 1 << 30, 0o1600), "msgget": (68, 0, 0o1600), "mq_open": (240, 0, 0, 0),
    "pidfd_open": (434, 1, 0),
    "kexec_load": (246, 0, 0, 0), "init_module": (175, 0, 0, 0), "reboot": (169, 0, 0, 0), "syslog": (103, 3, 0, 0),
    "prctl": (157, 38, 0, 0, 0, 0), "seccomp": (317, 0, 0, 0), "personality": (135, 0x40000),
    "open_by_handle_at": (304, 0, 0), "name_to_handle_at": (303, 0, 0, 0, 0), "clone a process": (56, 17, 0, 0, 0, 0),
    "clone namespaces": (56, 0x10000011, 0),
    "tkill": (200, 2, 9), "tgkill": (234, 2, 2, 9), "rt_sigqueueinfo": (129, 2, 9, 0), "pivot_root": (155, 0, 0),
    "fsopen": (430, 0, 0), "open_tree": (428, 0, 0, 0), "socket": (41, 1, 1, 0), "connect": (42, 0, 0, 0),
    "quotactl": (179, 0, 0, 0, 0), "swapon": (167, 0, 0), "acct": (163, 0), "iopl": (172, 3),
    "modify_ldt": (154, 0, 0, 0),
}  # fmt: skip
_CALLS = {
    name: f"""
def attempt():
    call(*{call})
"""
    for name, call in _SYSTEM_CALLS.items()
}

ESCAPES = table(
    "failed",
    {name: _BEFORE + program + _AFTER for name, program in {**ATTEMPTS, **_CALLS}.items()},
    got="'refused'",
)

THIRTY_TWO_BIT = """
import ctypes, mmap
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(b"\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 2 (fork); int 0x80; ret
enter = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
def f(a, b):
    if enter() >= 0: print("ESCAPED")
    return 0
"""
ESCAPES["fork by the 32-bit door"] = Attack(THIRTY_TWO_BIT, frozenset({"crashed", "failed"}))
