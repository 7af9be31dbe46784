"""What a program may use, whatever else the machine does and however many processes it starts; and its leftovers."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rayboot.problems import AssertTest, StdioTest
from rayboot.sandbox import server
from rayboot.sandbox.inside import leftovers
from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.inside.pump import Pump
from rayboot.sandbox.inside.stops import TooMuchMemory
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

RunAsserts = Callable[..., Verdict]
ONE = "assert f(1) == 1"
RIGHT = "def f(x): return x"
BUSY = (
    "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\ndef f(x): return x"
)
needs_perl = pytest.mark.skipif(bool(missing(LANGUAGES["perl"])), reason="needs Perl")


@pytest.fixture
def load() -> Iterator[None]:
    """Run eight busy processes per processor, each in its own session: Linux may schedule a session as one group."""
    loop = [sys.executable, "-c", "while True: pass"]
    number = 8 * len(os.sched_getaffinity(0))
    busy = [subprocess.Popen(loop, start_new_session=True) for _ in range(number)]
    yield
    for process in busy:
        process.kill()
        process.wait()


def perl(sandbox: Sandbox, program: str, **limits: float) -> Verdict:
    test = StdioTest(stdin="", stdout="1")
    return sandbox.run(program, [test], language="perl", limits=Limits(**limits))  # type: ignore[arg-type]


def test_a_busy_machine_times_no_program_out_that_needs_little(check: RunAsserts, load: None) -> None:
    verdict = check(BUSY.format(0.8), ONE, limits=Limits(timeout=1.2))
    assert verdict.passed, verdict
    assert verdict.wall_seconds > 1.2


def test_a_busy_machine_lets_no_program_go_on_for_ever(check: RunAsserts, load: None) -> None:
    assert check("while True: pass", ONE, limits=Limits(timeout=0.2)).status == "timeout"
    sleeping = check("import time\ntime.sleep(1000)", ONE, limits=Limits(timeout=0.2))
    assert (sleeping.status, sleeping.wall_seconds < 100) == ("timeout", True)


@needs_perl
def test_the_time_of_all_processes_of_a_program_counts(sandbox: Sandbox) -> None:
    for program in (
        "fork; fork; fork; while (1) {} print 1",
        "for (1..400) { fork or do { 1 for 1..3e7; exit }; wait } print 1",  # each ends before long
    ):
        verdict = perl(sandbox, program, timeout=1.0)
        assert verdict.status == "timeout"
        assert verdict.cpu_seconds > 0.2


@needs_perl
def test_a_program_in_another_language_has_its_time_once_for_all_tests(sandbox: Sandbox) -> None:
    tests = [StdioTest(stdin="", stdout="1")] * 30
    verdict = sandbox.run("sleep 1; print 1", tests, language="perl", limits=Limits(timeout=3.0))
    assert (verdict.status, verdict.failing_test is not None) == ("timeout", True)


GREEDY = {
    "children": "for (1..8) { fork or do { my $x = 'x' x (60 << 20); sleep 9; exit } } sleep 4; print 1;",
    "shared memory": """
for (1..8) {
    my $address = syscall(9, 0, 64 << 20, 3, 0x21, -1, 0);
    pipe(my $reader, my $writer);
    for my $page (0 .. (16 << 10) - 1) {
        syswrite($writer, "x");
        syscall(0, fileno($reader), $address + 4096 * $page, 1);
    }
}
print 1;
""",
}


@needs_perl
@pytest.mark.parametrize("how", GREEDY)
def test_the_memory_of_all_processes_counts_together(sandbox: Sandbox, how: str) -> None:
    if not sandbox._servers[0].report.counts_memory:
        pytest.skip("no control group can be made here")
    verdict = perl(sandbox, GREEDY[how], timeout=30.0, memory=256 << 20)
    assert (verdict.status, verdict.error_type) == ("memory_limit", "MemoryError"), verdict
    assert perl(sandbox, "print 1", timeout=10.0, memory=256 << 20).passed


def test_where_no_control_group_can_be_had_the_processes_are_looked_at() -> None:
    pump = Pump(30.0)
    program = "x = b'x' * (90 << 20)\nprint(flush=True)\ninput()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        child.stdout.readline()
        pump.watch_memory(child.pid, 1 << 30)
        pump.check()
        pump.watch_memory(child.pid, 80 << 20)
        with pytest.raises(TooMuchMemory):
            pump.check()


def nested(levels: int, at: int = 0) -> str:
    """Return a short text whose code doubles with each level: a `finally` is compiled once per exit path."""
    inner = nested(levels, at + 1) if at < levels else " " * (at + 1) + "y\n"
    return f"{' ' * at}try: x\n{' ' * at}finally:\n{inner}"


@pytest.mark.parametrize("levels", [16, 30])
def test_a_source_that_takes_much_to_compile_takes_it_from_the_program(
    check: RunAsserts, levels: int
) -> None:
    with Sandbox() as sandbox:
        limits = Limits(timeout=3.0, memory=256 << 20)
        verdict = sandbox.run(nested(levels), [AssertTest(code=ONE)], limits=limits)
        assert verdict.status in ("timeout", "memory_limit"), verdict
        script = sandbox.run(nested(levels), [StdioTest(stdin="", stdout="1")], limits=limits)
        assert script.status in ("timeout", "memory_limit"), script
        assert sandbox.run(RIGHT, [AssertTest(code=ONE)]).passed
        supervisor = sandbox._servers[0]._process.pid
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        for pid in (supervisor, *map(int, children)):
            status = Path(f"/proc/{pid}/status").read_text()
            assert int(status.split("VmHWM:")[1].split()[0]) << 10 < 300 << 20


MESSES = {
    "directories in directories": """
import os
try:
    for _ in range(10 ** 6): os.mkdir("d"); os.chdir("d")
except OSError: pass
""",
    "many files": "for i in range(10 ** 6): open(str(i), 'w').close()",
    "a shut directory": "import os\nos.makedirs('a/b'); os.chmod('a', 0); os.chmod('.', 0)\nwhile True: pass",
}


@pytest.mark.parametrize("mess", MESSES)
def test_what_a_program_leaves_neither_delays_nor_changes_a_verdict(each_tier: Sandbox, mess: str) -> None:
    before = each_tier._servers[0]._process.pid
    verdict = each_tier.run(MESSES[mess], [AssertTest(code=ONE)], limits=Limits(timeout=1.0))
    assert verdict.status in ("timeout", "error"), verdict
    listing = "import os\ndef f(): return os.listdir('.'), oct(os.stat('.').st_mode)"
    started = time.monotonic()
    after = each_tier.run(listing, [AssertTest(code="assert f() == ([], '0o40700')")])
    assert after.passed, after
    assert time.monotonic() - started < 20
    assert each_tier._servers[0]._process.pid == before


def test_what_was_set_aside_is_removed_bit_by_bit(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for number in range(500):
        (work / f"{number}" / "inner").mkdir(parents=True)
    leftovers.set_aside(str(work), str(tmp_path))
    assert not work.exists()
    waste = leftovers.Waste(str(tmp_path))
    assert waste.remove_some(0.0)
    while waste.remove_some(0.01):
        pass
    assert os.listdir(tmp_path) == []


def test_no_program_can_choose_the_sandbox_s_error(check: RunAsserts, sandbox: Sandbox) -> None:
    forge = """
import json, os
body = json.dumps(MESSAGE).encode()
os.write(3, len(body).to_bytes(4, "big") + body)
def f(x): return x
"""
    for message in (["broken", "isolation failed"], ["built"], "busy", {"status": "sandbox_error"}):
        program = forge.replace("MESSAGE", repr(message))
        assert check(program, ONE).status == "error"
        assert sandbox.run(program, [StdioTest(stdin="", stdout="1")]).status in ("error", "failed")
    attempts = (
        "import os\nfor fd in range(9999):\n    try: os.dup(0)\n    except OSError: pass\nos.close(3)",
        "import os\nos.write(3, b'\\xff' * 8)\nwhile True: os.write(3, b'x' * 99999)",
        "import os\nos.write(3, (9 << 20).to_bytes(4, 'big') + b'[' * 99)",
        "import os\nos.write(3, (10 ** 6).to_bytes(4, 'big'))\nfor _ in range(10 ** 6): os.write(3, b'[')",
    )
    for program in attempts:
        assert check(program, ONE, limits=Limits(timeout=2.0)).status in ("error", "output_limit", "timeout")


ENDLESS = {
    "keys": '["y", "builtins", "dict_keys", ["l", *keys]]',
    "items": '["y", "collections", "OrderedDict", ["l", *[["t", key, 1] for key in keys]]]',
    "counts": '["y", "collections", "Counter", ["d", *[part for key in keys for part in (key, 1)]]]',
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_that_is_endless_to_read_is_a_timeout(check: RunAsserts, kind: str) -> None:
    program = f"""
import json, os
keys = [["i", hex(k * ((1 << 61) - 1))] for k in range(1, 30000)]  # all of one hash
body = json.dumps([1, "ok", {ENDLESS[kind]}, {{}}]).encode()
def f(x):
    data = len(body).to_bytes(4, "big") + body
    while data: data = data[os.write(3, data):]
    os._exit(0)
"""
    verdict = check(program, ONE, limits=Limits(timeout=1.0))
    assert verdict.status == "timeout", verdict


def test_folders_of_killed_owners_are_removed_and_those_in_use_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(server, "_YOUNG_SECONDS", -1.0)
    (tmp_path / "rayboot-sandbox-old" / "work").mkdir(parents=True)
    used = tmp_path / "rayboot-sandbox-used"
    used.mkdir()
    mark = os.open(used, os.O_RDONLY)
    fcntl.flock(mark, fcntl.LOCK_SH)
    with Sandbox() as sandbox:
        assert sandbox.run(RIGHT, [AssertTest(code=ONE)]).passed
        assert not (tmp_path / "rayboot-sandbox-old").exists()
        assert used.exists()
    os.close(mark)
    assert os.listdir(tmp_path) == ["rayboot-sandbox-used"]


def test_a_long_temporary_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with Sandbox() as sandbox:
        assert sandbox.run(RIGHT, [AssertTest(code=ONE)]).passed


STATE = """
import os, sys
library = os.path.dirname(os.__file__)
def leave():
    for folder in (".", "/tmp", "/dev/shm", "__pycache__", library, library + "/__pycache__"):
        for name in ("sitecustomize.py", "conftest.py", "x.pth", "json.py", "random.cpython-311.pyc"):
            try:
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, name), "w") as file: file.write("import os; os._exit(0)")
            except OSError: pass
    return 0
def found():
    names = []
    for place in (".", "/tmp", "/dev/shm"):
        try: names += os.listdir(place)
        except OSError: pass
    return names
def ipc():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    calls = {
        "shmget": (29, 77, 4096, 0o1666), "semget": (64, 77, 1, 0o1666), "msgget": (68, 77, 0o1666),
        "add_key": (248, b"user", b"k", b"v", 1, -4), "keyctl": (250, 0, -4, 1),
        "mq_open": (240, b"q", 0o102, 0o666, 0), "memfd_create": (319, b"m", 0), "AF_VSOCK": (41, 40, 1, 0),
        "clone3": (435, 0, 0), "vfork": (58,), "x32 getpid": (0x40000000 + 39,),
    }
    return [name for name, args in calls.items() if libc.syscall(*args) >= 0]
"""


def test_no_state_is_left_for_the_next_program(each_tier: Sandbox) -> None:
    assert each_tier.run(STATE, [AssertTest(code="assert leave() == 0")]).passed
    tests = ("assert found() == []", "import json\nassert json.loads('1') == 1 + found().count(0)")
    assert each_tier.run(STATE, [AssertTest(code=code) for code in tests]).passed
    if os.uname().machine == "x86_64":
        verdict = each_tier.run(STATE, [AssertTest(code="assert ipc() == []")])
        assert verdict.passed, verdict


I386 = """
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
ctypes.memmove(page, bytes.fromhex("b814000000cd80c3"), 8)  # mov eax, 20 (getpid); int 0x80; ret
def f(x): return ctypes.CFUNCTYPE(ctypes.c_int)(page)()
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="of x86-64")
def test_a_system_call_by_the_numbers_of_i386_is_refused(each_tier: Sandbox) -> None:
    verdict = each_tier.run(I386, [AssertTest(code="assert f(1) == -1")])
    assert verdict.status in ("passed", "crashed"), verdict
