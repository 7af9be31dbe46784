"""Programs that try to get out, to stay, or to take everything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rayboot.problems.types import AssertTest
from rayboot.sandbox import Limits, Sandbox, Verdict

RunAsserts = Callable[..., Verdict]

TRY = """
import os
def refused(what):
    try:
        what()
    except (OSError, ValueError, AttributeError) as error:
        return True
    return False
"""

# Each defines attempt(); the attempt must be refused.
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
import ctypes

def attempt():
    libc = ctypes.CDLL(None, use_errno=True)
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
    "the home directory": f"attempt = lambda: os.listdir({str(Path.home())!r})",
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
}
SYSTEM_CALLS = {  # x86-64
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


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_attempt_to_get_out_is_refused(check: RunAsserts, attempt: str) -> None:
    verdict = check(TRY + attempt, "assert refused(attempt)")
    assert verdict.passed, verdict


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
@pytest.mark.parametrize("call", SYSTEM_CALLS.values(), ids=SYSTEM_CALLS)
def test_a_dangerous_system_call_is_refused(check: RunAsserts, call: tuple[int, ...]) -> None:
    program = f"""
import ctypes
def attempt():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc.syscall(*map(ctypes.c_long, {call})), ctypes.get_errno()
"""
    verdict = check(program, "assert attempt() == (-1, 1)")
    assert verdict.passed, verdict


RUNAWAYS = {
    "a loop": ("while True: pass", "timeout"),
    "a loop that catches everything": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "timeout",
    ),
    "a sleep": ("import time\ntime.sleep(1000)", "timeout"),
    "all signals caught": (
        "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\ntime.sleep(1000)",
        "timeout",
    ),
    "a slow regular expression": ("import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')", "timeout"),
    "a huge power": ("x = 10 ** 10 ** 8", "timeout"),
    "a stopped process": (
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(1000)",
        "timeout",
    ),
    "a thread that never ends": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "def f(): time.sleep(1000)\nf()",
        "timeout",
    ),
    "much memory at once": ("x = bytearray(50 << 30)", "memory_limit"),
    "much memory bit by bit": ("x = []\nwhile True: x.append(bytearray(1 << 24))", "memory_limit"),
    "a huge list": ("x = [0] * 10 ** 12", "memory_limit"),
    "much output": ("while True: print('x' * 10000)", "output_limit"),
    "much output to stderr": ("import sys\nwhile True: sys.stderr.write('x' * 10000)", "output_limit"),
    "output past Python": ("import os\nwhile True: os.write(1, b'x' * 65536)", "output_limit"),
    "a broken pointer": ("import ctypes\nctypes.string_at(0)", "crashed"),
    "abort": ("import os\nos.abort()", "crashed"),
    "deep recursion in C": (
        "import sys\nsys.setrecursionlimit(10 ** 8)\ndef f(x): return sorted([x], key=f)\nf(1)",
        "crashed",
    ),
    "recursion": ("def f(): f()\nf()", "error"),
}


@pytest.mark.parametrize(("program", "status"), RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_runaway_program_is_stopped_and_named(check: RunAsserts, program: str, status: str) -> None:
    limits = Limits(timeout=1.5, memory=512 << 20)
    started = time.monotonic()
    verdict = check(program, "assert True, 'never reached'\nassert f() == 1", limits=limits)
    assert verdict.status == status, verdict
    assert time.monotonic() - started < 20


COLLIDING = """
import os, json
def f(x):
    body = json.dumps([1, "ok", ["s", *[i * (2 ** 61 - 1) for i in range(60_000)]], {}]).encode()
    os.write(3, len(body).to_bytes(4, "big"))
    while body: body = body[os.write(3, body):]
"""


def test_an_answer_that_takes_for_ever_to_read_is_a_timeout(check: RunAsserts) -> None:
    """Numbers with one hash make a set quadratic."""
    assert check(COLLIDING, "assert f(1) == 1", limits=Limits(timeout=1.0)).status == "timeout"
    assert check("def f(x): return x", "assert f(1) == 1").passed


def test_a_value_that_is_too_large_is_too_much_output(check: RunAsserts) -> None:
    assert check("def f(x): return 'x' * (1 << 25)", "assert f(1) == 1").status == "output_limit"


def test_a_thread_bomb_is_bounded(check: RunAsserts) -> None:
    program = """
import threading, time
def count():
    started = 0
    try:
        for _ in range(100_000):
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    return started
"""
    verdict = check(program, "assert count() < 5000", limits=Limits(timeout=5.0))
    assert verdict.passed or verdict.status in ("memory_limit", "timeout"), verdict


def test_files_are_few_small_and_gone_afterwards(check: RunAsserts) -> None:
    program = """
import os
def flood():
    made = 0
    try:
        while made < 100_000:
            with open(f"file-{made}", "wb") as file: file.write(b"x" * (1 << 20))
            made += 1
    except OSError:
        pass
    return made
def listing(): return os.listdir(".")
def big():
    try:
        with open("big", "wb") as file:
            for _ in range(1000): file.write(b"x" * (1 << 20))
    except OSError:
        return os.path.getsize("big")
"""
    assert check(program, "assert big() <= 1 << 24").passed
    if check("", "assert True").tier == "A":
        assert check(program, "assert flood() < 100").passed
    assert check(program, "assert listing() == []").passed


def test_a_directory_without_rights_is_removed_too(check: RunAsserts) -> None:
    program = "import os\nos.makedirs('a/b/c')\nos.chmod('a/b', 0)\nos.chmod('a', 0)\ndef ls(): return os.listdir('.')"
    assert check(program, "assert ls() == ['a']").passed
    assert check("import os\ndef ls(): return os.listdir('.')", "assert ls() == []").passed


def test_the_environment_tells_nothing(check: RunAsserts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    with Sandbox() as fresh:
        test = AssertTest(code="assert names() == ['SECRET_TOKEN'], 'expected to fail'")
        verdict = fresh.run("import os\ndef names(): return [n for n in os.environ if 'TOKEN' in n]", [test])
    assert verdict.got == "[]"


def test_only_the_standard_library_can_be_imported(check: RunAsserts) -> None:
    program = """
import importlib
def importable(*names):
    found = []
    for name in names:
        try:
            importlib.import_module(name)
            found.append(name)
        except ImportError:
            pass
    return found
"""
    assert check(
        program, "assert importable('pydantic', 'rayboot', 'worker', 'sqlite3', 'ssl') == ['sqlite3', 'ssl']"
    ).passed


def test_nothing_is_left_when_a_sandbox_closes() -> None:
    before, scratch = _children(), set(Path("/tmp").glob("rayboot-sandbox-*"))
    with Sandbox(workers=2) as sandbox:
        sandbox.run(
            "import time\ntime.sleep(100)", [AssertTest(code="assert True")], limits=Limits(timeout=0.5)
        )
        assert _children() - before
    assert not _children() - before
    assert not set(Path("/tmp").glob("rayboot-sandbox-*")) - scratch


def test_everything_ends_when_the_owner_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        "from rayboot.sandbox import Sandbox, Limits\n"
        "from rayboot.problems.types import AssertTest\n"
        "sandbox = Sandbox()\n"
        "print(sandbox._servers[0]._process.pid, flush=True)\n"
        "test = AssertTest(code='assert f(1) == 2')\n"
        "sandbox.run('import time\\ntime.sleep(1000)', [test], limits=Limits(timeout=500))\n"
    )
    command = [sys.executable, str(script)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    ) as owner:
        assert owner.stdout is not None
        supervisor = int(owner.stdout.readline())
        time.sleep(0.5)
        family = {supervisor, *_descendants(supervisor)}
        assert len(family) >= 3, "supervisor, fork server, program"
        owner.kill()
    assert _wait_until(lambda: not any(_alive(pid) for pid in family))


def _children() -> set[int]:
    return set(_descendants(os.getpid()))


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        direct = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        if thread.name != str(pid):
            direct += [int(c) for c in (thread / "children").read_text().split()]
    for child in direct:
        found += [child, *_descendants(child)]
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(condition: object, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False
