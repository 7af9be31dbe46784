"""In a gVisor container programs get the same verdicts as natively, and see nothing of the machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, CallTest, ScriptTest, StdioTest, Test
from rayboot.sandbox.inside import exits
from rayboot.sandbox.inside.exits import ExitPipes
from rayboot.sandbox.inside.languages import LANGUAGES, missing
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.tiers import detect_tier
from rayboot.sandbox.verdict import Limits, Verdict

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent / "hostile"))

from hostile_attack import ESCAPED, JUDGED, QUESTION, SECRET, Attack  # noqa: E402
from hostile_escapes import ESCAPES  # noqa: E402
from hostile_forgeries import FORGERIES  # noqa: E402
from hostile_lies import LIES  # noqa: E402
from hostile_runaways import RUNAWAYS  # noqa: E402

LIMITS = Limits(timeout=20.0, memory=256 << 20)
TOKEN = "hunter2-correct-horse"
SLOW_INSIDE = "the environment of every process"
"""It examines 70,000 paths, which gVisor does not manage within the time limit."""


@pytest.fixture(scope="session")
def runsc() -> None:
    """Skip where `runsc` is missing or cannot run."""
    try:
        detect_tier("runsc")
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def contained(runsc: None) -> Iterator[Sandbox]:
    """Yield a sandbox in a container, and check at its end that nothing is left of it."""
    scratch = tempfile.mkdtemp(prefix="rayboot-runsc-")
    mounts = Path("/proc/self/mountinfo").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYBOOT_TEST_TOKEN", TOKEN)
        patch.setattr(tempfile, "tempdir", scratch)
        with Sandbox(runtime="runsc", limits=LIMITS) as sandbox:
            yield sandbox
            assert processes_that_name(scratch)
    assert until(lambda: not processes_that_name(scratch))
    assert not list(Path(scratch).glob("rayboot-*"))
    assert Path("/proc/self/mountinfo").read_text() == mounts
    shutil.rmtree(scratch)


def processes_that_name(text: str) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
        except OSError:
            pass
    return found


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def asserts(*codes: str) -> tuple[AssertTest, ...]:
    return tuple(AssertTest(code=code) for code in codes)


RIGHT = "def f(x):\n    return x + 1"
STDIO = (StdioTest(stdin="3", stdout="4"),)
CASES: dict[str, tuple[str, tuple[Test, ...]]] = {
    "right": (RIGHT, asserts("assert f(1) == 2", "assert f(2) == 3")),
    "wrong": ("def f(x):\n    return x", asserts("assert f(1) == 2")),
    "raises": ("def f(x):\n    return x / 0", asserts("assert f(1) == 2")),
    "right for a judge": (RIGHT, asserts("for i in range(3):\n    assert f(i) == i + 1")),
    "wrong for a judge": ("def f(x):\n    return 1", asserts("for i in range(3):\n    assert f(i) == i + 1")),
    "right call": (RIGHT, (CallTest(args=(1,), expected=2),)),
    "wrong call": (RIGHT, (CallTest(args=(1,), expected=3),)),
    "right script": ("print(int(input()) + 1)", STDIO),
    "wrong script": ("print(input())", STDIO),
    "script that raises": ("int(input() + 'x')", STDIO),
    "script that exits": ("print(4)\nraise SystemExit(3)", STDIO),
    "right test file": (RIGHT, (ScriptTest(code="assert [f(i) for i in range(2)] == [1, 2]"),)),
    "not Python": ("def f(x:", asserts("assert f(1) == 2")),
    "endless": ("def f(x):\n    while True: pass", asserts("assert f(1) == 2")),
    "endless script": ("while True: pass", STDIO),
    "greedy": ("def f(x):\n    return len(bytearray(1 << 30))", asserts("assert f(1) == 2")),
    "chatty": ("def f(x):\n    while True: print('x' * 10000)", asserts("assert f(1) == 2")),
    "chatty script": ("while True: print('x' * 10000)", STDIO),
    "crashing": ("import os\ndef f(x):\n    os.kill(os.getpid(), 11)", asserts("assert f(1) == 2")),
    "ends itself": ("import os\ndef f(x):\n    os._exit(0)", asserts("assert f(1) == 2")),
}
STATUSES = {
    "endless": "timeout",
    "endless script": "timeout",
    "greedy": "memory_limit",
    "chatty": "output_limit",
    "chatty script": "output_limit",
    "not Python": "syntax_error",
}


def told(verdict: Verdict) -> dict[str, object]:
    return verdict.model_dump(
        exclude={"wall_seconds", "cpu_seconds", "peak_memory", "tier", "stdout", "stderr"}
    )


@pytest.mark.parametrize("name", CASES)
def test_a_program_gets_the_verdict_that_it_gets_natively(
    contained: Sandbox, sandbox: Sandbox, name: str
) -> None:
    program, tests = CASES[name]
    limits = LIMITS.model_copy(update={"timeout": 0.5}) if name.startswith("endless") else LIMITS
    verdict = contained.run(program, tests, entry_point="f", limits=limits)
    native = sandbox.run(program, tests, entry_point="f", limits=limits)
    if name == "crashing":  # the first process of a native program's pid namespace ignores its own signals
        assert (verdict.status, native.passed) == ("crashed", False)
    else:
        assert told(verdict) == told(native)
    assert verdict.status == STATUSES.get(name, verdict.status)
    assert verdict.passed == name.startswith("right")
    assert verdict.tier == "runsc"


def test_what_a_program_used_is_measured(contained: Sandbox) -> None:
    program = "def f(x):\n    s = bytearray(b'x' * (50 << 20))\n    for i in range(10**6): pass\n    return 2"
    verdict = contained.run(program, asserts("assert f(1) == 2"))
    assert verdict.passed
    assert verdict.cpu_seconds > 0
    assert 50 << 20 < verdict.peak_memory < 300 << 20


def test_nothing_of_the_machine_is_to_be_seen(contained: Sandbox) -> None:
    program = """
import os
def listing(path):
    try: return sorted(os.listdir(path))
    except OSError: return []
def kernel(): return os.uname().release
def environment(): return sorted(os.environ)
"""
    empty = [f"assert listing({path!r}) == []" for path in ("/proc", "/sys", "/server", "/dev/shm", ".")]
    empty.append(f"assert listing({str(ROOT)!r}) == []")
    assert contained.run(program, asserts(*empty)).passed
    own = os.uname().release
    assert contained.run(
        program, asserts(f"assert kernel() != {own!r}", "assert 'PATH' in environment()")
    ).passed
    shown = contained.run(program, asserts("assert environment() == 0")).got
    assert "TOKEN" not in shown
    home = contained.run(program, asserts(f"assert listing({str(Path.home())!r}) == 0")).got
    assert home in ("[]", "['.pyenv']"), "what leads to Python alone"


def test_no_network_is_to_be_had_by_a_command_either(contained: Sandbox) -> None:
    if missing(LANGUAGES["perl"]):
        pytest.skip("needs Perl")
    program = "use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0) or print 'refused';"
    assert contained.run(program, [StdioTest(stdin="", stdout="refused")], language="perl").passed


KILLERS = {
    "python": "import os\nfor i in range(1, 200):\n    try: os.kill(i, 9)\n    except OSError: pass\nos.kill(-1, 9)",
    "perl": "kill 9, 2..200; kill 9, -1; while (1) { fork }",
    "javascript": "for (let i = 200; i; i--) { try { process.kill(i, 'SIGKILL') } catch (e) {} }",
}


@pytest.mark.parametrize("language", KILLERS)
def test_a_program_that_kills_all_that_it_can_ends_alone(contained: Sandbox, language: str) -> None:
    if language != "python" and missing(LANGUAGES[language]):
        pytest.skip(f"needs {language}")
    before = contained._servers[0]._process.pid
    killer = Job(program=KILLERS[language], language=language, tests=STDIO, limits=Limits(timeout=1.0))
    assert not contained.run_job(killer).passed
    assert contained.run(RIGHT, asserts("assert f(1) == 2")).passed
    assert contained._servers[0]._process.pid == before


OTHERS = {
    "javascript": (
        "function add(a, b) { return a + b }",
        "const assert = require('assert'); assert.strictEqual(add(1, 2), {})",
        "console.log(+require('fs').readFileSync(0, 'utf8') + 1)",
    ),
    "perl": ("sub add { return $_[0] + $_[1] }", "die 'no' unless add(1, 2) == {};", "print <STDIN> + 1"),
}


@pytest.mark.parametrize("language", OTHERS)
def test_programs_of_other_languages_run(contained: Sandbox, language: str) -> None:
    if missing(LANGUAGES[language]):
        pytest.skip(f"needs {language}")
    program, test_file, script = OTHERS[language]
    limits = Limits()
    for expected, passes in ((3, True), (4, False)):
        tests = (ScriptTest(code=test_file.replace("{}", str(expected))),)
        job = Job(program=program, language=language, tests=tests, entry_point="add", limits=limits)
        verdict = contained.run_job(job)
        assert verdict.passed == passes, verdict
    assert contained.run(script, STDIO, language=language, limits=limits).passed


def test_a_fork_server_that_dies_in_the_container_is_replaced(
    runsc: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(workers=1, runtime="runsc", limits=LIMITS) as sandbox:
        assert sandbox.run("print(int(input()) + 1)", STDIO).passed
        [bundle] = tmp_path.glob("rayboot-runsc-*")
        fork_server = "2"  # the first child of the first process
        inside = ["runsc", f"--root={bundle}/state", "exec", bundle.name]
        subprocess.run([*inside, "/bin/kill", "-KILL", fork_server], check=True)
        assert sandbox.run("print(int(input()) + 1)", STDIO).passed
        assert list(tmp_path.glob("rayboot-runsc-*")) == [bundle]


@pytest.fixture
def exit_pipes(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitPipes]:
    """Yield exit pipes as in a container. The test itself sends the signals of children that exit."""
    monkeypatch.setattr(exits, "PIDFDS", False)
    handler = signal.getsignal(signal.SIGCHLD)
    pipes = ExitPipes()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    yield pipes
    signal.signal(signal.SIGCHLD, handler)


def test_a_child_whose_end_is_seen_twice_is_told_once(
    exit_pipes: ExitPipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(["sleep", "60"]) as child:
        exit_pipes.forked(child.pid, writer)
        child.kill()
        genuine = os.waitid
        genuine(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        def interrupted(*arguments: int) -> object:
            monkeypatch.setattr(os, "waitid", genuine)
            exit_pipes._close_of_dead()  # the signal of another child
            return genuine(*arguments)

        monkeypatch.setattr(os, "waitid", interrupted)
        exit_pipes._close_of_dead()
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_child_that_is_reaped_before_its_signal_comes_is_told(exit_pipes: ExitPipes) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(["true"]) as child:
        child.wait()
        exit_pipes.forked(child.pid, writer)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_preloaded_module_is_there(runsc: None) -> None:
    pytest.importorskip("numpy")
    with Sandbox(runtime="runsc", preload=("numpy",)) as sandbox:
        program = "import numpy\ndef f(x): return numpy.full(3, x).sum()"
        assert sandbox.run(program, asserts("assert f(2) == 6")).passed


def selection() -> Iterator[tuple[str, Attack, str]]:
    """Yield all escapes, and some of the other programs, which test the sandbox's processes alike in every runtime."""
    for name, attack in ESCAPES.items():
        yield name, attack, QUESTION
    for table, step in ((LIES, 5), (FORGERIES, 5), (RUNAWAYS, 9)):
        for name, attack in islice(table.items(), 0, None, step):
            yield name, attack, QUESTION if table is RUNAWAYS else JUDGED


@pytest.mark.parametrize(
    ("name", "attack", "test"), [pytest.param(*case, id=case[0]) for case in selection()]
)
def test_a_hostile_program_fares_as_it_does_natively(
    contained: Sandbox, name: str, attack: Attack, test: str
) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("system calls by the numbers of x86-64")
    before = contained._servers[0]._process.pid
    runaway = name in RUNAWAYS or name == SLOW_INSIDE
    brief = name == SLOW_INSIDE or "timeout" in attack.verdicts
    limits = Limits(timeout=1.0 if brief else 20.0, memory=256 << 20)
    verdict = contained.run(attack.program, asserts(test), limits=limits)
    slow = runaway and verdict.status == "timeout"  # a busy machine's delay is not visible inside
    assert slow or verdict.status in attack.verdicts, verdict
    assert slow or not attack.got or verdict.got == attack.got, verdict
    said = json.dumps(verdict.model_dump())
    assert ESCAPED not in said
    assert TOKEN not in said
    right = f"def f(a, b): return {SECRET} + a * (a == b)"
    assert contained.run(right, asserts(QUESTION)).passed
    assert contained._servers[0]._process.pid == before


def test_a_container_that_dies_is_replaced(contained: Sandbox) -> None:
    server = contained._servers[0]
    before = server._process.pid
    os.killpg(before, 9)
    assert contained.run(RIGHT, asserts("assert f(1) == 2")).passed
    assert server._process.pid != before


def test_a_container_ends_when_its_owner_is_killed_in_the_midst_of_a_job(runsc: None, tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        "from rayboot.sandbox import Sandbox, Limits\n"
        "from rayboot.problems.types import AssertTest\n"
        "sandbox = Sandbox(runtime='runsc')\n"
        "print('ready', flush=True)\n"
        "test = AssertTest(code='assert f(1) == 2')\n"
        "sandbox.run('import time\\ntime.sleep(1000)', [test], limits=Limits(timeout=500))\n"
    )
    folder = tmp_path / "temporary"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        assert processes_that_name(str(folder))
        owner.kill()
    assert until(lambda: not processes_that_name(str(folder)))
    assert until(lambda: os.listdir(folder) == [])


def test_without_runsc_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"no `runsc` on the PATH.*Debian package runsc"):
        Sandbox(runtime="runsc")


def test_where_runsc_cannot_run_its_complaint_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "runsc"
    broken.write_text("#!/bin/sh\necho 'no platform for me' >&2\nexit 128\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UserError, match="cannot run here: no platform for me"):
        Sandbox(runtime="runsc")
    assert os.listdir(tmp_path) == ["runsc"]
