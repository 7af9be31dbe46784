"""What a program sees and may use, and that nothing of it remains. Programs that attack are in `hostile/`."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rayboot.problems import AssertTest, ScriptTest
from rayboot.sandbox import server
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

RunAsserts = Callable[..., Verdict]


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


def test_nothing_is_left_when_a_sandbox_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = _children()
    with Sandbox(workers=2) as sandbox:
        sandbox.run(
            "import time\ntime.sleep(100)", [AssertTest(code="assert True")], limits=Limits(timeout=0.5)
        )
        assert _children() - before
    assert not _children() - before
    assert os.listdir(tmp_path) == []


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


needs_perl = pytest.mark.skipif(shutil.which("perl") is None, reason="needs perl")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="system calls by the numbers of x86-64")


def check_perl(sandbox: Sandbox, program: str, test: str, entry_point: str = "f") -> Verdict:
    return sandbox.run(program, [ScriptTest(code=test)], language="perl", entry_point=entry_point)


CHAIN = """
for my $file (glob('*'), glob('../*'), glob('../*/*')) { open(my $f, '>', $file) }
unless (fork) { $0 = 'rayboot-test-chain'; while (1) { exit if fork } }
sub f { 1 }
"""
DAEMON = """
unless (fork) { $0 = 'rayboot-test-daemon'; $SIG{$_} = 'IGNORE' for keys %SIG; syscall(112); exit if fork; sleep 1000 }
sub f { 1 }
"""
DETACHED = """
const { spawn } = require('child_process');
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', 'rayboot-test-child'], { stdio: 'ignore' });
child.unref();
function f() { return 1 }
"""


@needs_perl
@pytest.mark.parametrize("program", [CHAIN, DAEMON], ids=["forks for ever", "daemon"])
def test_no_process_of_a_program_outlives_its_verdict(each_tier: Sandbox, program: str) -> None:
    for _ in range(3):
        assert check_perl(each_tier, program, "die unless f() == 1").passed
        assert not _processes_named("rayboot-test-")


@needs_node
def test_no_child_of_a_javascript_program_outlives_its_verdict(each_tier: Sandbox) -> None:
    test = ScriptTest(code="if (f() !== 1) throw 1")
    assert each_tier.run(DETACHED, [test], language="javascript", entry_point="f").passed
    assert not _processes_named("rayboot-test-")


@needs_perl
@pytest.mark.parametrize("killed", [False, True], ids=["closed", "its fork server killed"])
def test_what_a_program_has_started_ends_with_its_sandbox(
    killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BOOT", server.BOOT.replace("*sys.argv[3:]", "sys.argv[3], 'B'"))
    job = Job(program=DAEMON + "sleep 1000;", tests=(ScriptTest(code="f()"),), language="perl")
    with ThreadPoolExecutor(1) as threads, Sandbox(limits=Limits(timeout=100)) as sandbox:
        threads.submit(sandbox.run_job, job)
        assert _wait_until(lambda: _processes_named("rayboot-test-daemon"), 20)
        if killed:
            os.kill(_descendants(sandbox._servers[0]._process.pid)[0], signal.SIGKILL)
        sandbox.close()
    assert _wait_until(lambda: not _processes_named("rayboot-test-"))


def test_the_whole_standard_library_can_be_imported(each_tier: Sandbox) -> None:
    program = """
import asyncio, ctypes, datetime, encodings.cp1252, hashlib, logging, sqlite3, unittest, zoneinfo
def f(text): return datetime.datetime.strptime(text, '%Y').year
"""
    assert each_tier.run(program, [AssertTest(code="assert f('2020') == 2020")]).passed


@needs_perl
def test_a_program_finds_nothing_of_the_programs_before_it(each_tier: Sandbox) -> None:
    program = """
use Fcntl qw(:flock);
sub f {
    my @found;
    my @paths = ('mark', '/tmp/mark', '/dev/shm/mark', '/var/tmp/mark', '/var/lock/mark', '../mark');
    push @found, grep { -e } @paths;
    open(my $file, '>', $_) for @paths;
    open(my $library, '<', $INC{'Fcntl.pm'}) or push @found, 'no library';
    flock($library, LOCK_EX | LOCK_NB) or push @found, 'a lock';
    unless (fork) { sleep 1000 }
    return "@found";
}
"""
    for _ in range(2):
        assert check_perl(each_tier, program, 'my $found = f(); die "found $found" if $found').passed


DOORS = {
    "System V shared memory": "29, 1, 100, 01600",
    "a System V semaphore": "64, 1, 1, 01600",
    "a System V message queue": "68, 1, 01600",
    "a POSIX message queue": "240, $name, 0102, 0600, 0",
    "a key": "248, $name, $name, $name, 1, -3",
    "a keyring": "250, 0, -3, 1",
    "an Internet socket": "41, 2, 1, 0",
    "a UNIX socket with a name": "41, 1, 1, 0",
    "a netlink socket": "41, 16, 3, 0",
    "a socket to the hypervisor": "41, 40, 1, 0",
    "a pair of sockets to the hypervisor": "53, 40, 1, 0, $buffer",
    "clone3": "435, $buffer, 88",
    "a namespace": "272, 0x10000000",
    "a clone in a namespace": "56, 0x10000011, 0, 0, 0, 0",
    "a session of its own": "112",
    "a process group of its own": "109, 0, 0",
    "x32's getpid": "0x40000027",
    "x32's socket": "0x40000029, 2, 1, 0",
    "ptrace": "101, 16, getppid(), 0, 0",
    "another's memory": "310, getppid(), $buffer, 1, $buffer, 1, 0",
    "the parent's processors": "203, getppid() || 2, 8, $buffer",
    "a signal to the parent": "62, getppid() || 2, 0",
    "io_uring": "425, 8, $buffer",
    "bpf": "321, 0, $buffer, 72",
    "a file in memory": "319, $name, 0",
    "the interfaces of the machine": "16, 3, 0x8912, $buffer",
    "the name of an interface": "16, 3, 0x8910, $buffer",
    "an owner for signals": "16, 3, 0x8902, $buffer",
    "a character typed into a terminal": "16, 0, 0x5412, $buffer",
}
"""Numbers of system calls on x86-64, with arguments."""


@needs_perl
@needs_x86
def test_the_doors_that_are_shut_to_python_are_shut_to_commands_too(each_tier: Sandbox) -> None:
    tries = "\n".join(f'push @open, "{name}" if syscall({call}) >= 0;' for name, call in DOORS.items())
    program = f'sub f {{ my ($name, $buffer, @open) = ("/user", "\\1" x 4096); {tries} return "@open" }}'
    told = check_perl(each_tier, program, 'my $open = f(); die "open: $open" if $open')
    assert told.passed, told.message


@needs_perl
@needs_x86
def test_system_calls_of_32_bits_are_refused(each_tier: Sandbox) -> None:
    """`int 0x80` with the number of i386's getpid; the result is stored behind the code."""
    program = r"""
require DynaLoader;
sub f {
    my $page = syscall(9, 0, 4096, 7, 0x22, -1, 0);
    pipe(my $out, my $in);
    syswrite($in, pack('H*', 'b814000000cd80890533000000c3'));
    syscall(0, fileno($out), $page, 14) == 14 or return 'no code';
    DynaLoader::dl_install_xsub('main::ask', $page);
    eval { ask() };
    return unpack('l', unpack('P4', pack('Q', $page + 64)));
}
"""
    told = check_perl(each_tier, program, "my $got = f(); die \"got $got\" if $got ne '-1'")
    assert told.passed or told.status == "crashed", told.message


def _processes_named(text: str) -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in line and int(pid) != os.getpid() and _alive(int(pid)):
            found.append(line)
    return found


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
