"""What a program finds, what it may use, and that nothing of it stays. Programs that attack are in `hostile/`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rayboot.problems.types import AssertTest
from rayboot.sandbox import Limits, Sandbox, Verdict

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
