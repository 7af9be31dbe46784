"""The sandbox works at the tier that it reports: as root, as an ordinary user, and in a locked-down container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = '''
import glob, json, shutil, sys
sys.path[:0] = json.loads(sys.argv[1])
from rayboot.problems.types import AssertTest, ScriptTest, StdioTest
from rayboot.errors import UserError
from rayboot.sandbox import Sandbox, detect_tier
escape = """
def f():
    try: return open('/etc/passwd').read()
    except OSError: return 'refused'
"""
stays = """
unless (fork) {
    $0 = 'rayboot-tier-test';
    while (1) { exit if fork; for my $f (glob('../*/*')) { open(my $x, '>', $f) } }
}
sub f { 1 }
"""
report = detect_tier()
def named(text):
    lines = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try: lines.append(open(path).read())
        except OSError: pass
    return [line for line in lines if line.startswith(text)]
result = {"tier": report.tier, "reasons": report.reasons}
try:
    with Sandbox(allow_weak=len(sys.argv) > 2) as sandbox:
        asserts = [AssertTest(code="assert f(2) == 2"), AssertTest(code="for i in range(3): assert f(i) == i")]
        result["asserts"] = sandbox.run("def f(x): return x", asserts).status
        threads = "import threading as t\\nfor i in range(9): t.Thread(target=print, args=(i,)).start()"
        result["stdio"] = sandbox.run(threads, [StdioTest(stdin="", stdout="0 1 2 3 4 5 6 7 8")]).status
        result["escape"] = sandbox.run(escape, [AssertTest(code="assert f() == 'refused'")]).status
        if shutil.which("perl") and shutil.which("node"):
            one = [ScriptTest(code="die unless f() == 1;")]
            result["perl"] = sandbox.run(stays, one, language="perl", entry_point="f").status
            result["left"] = named("rayboot-tier-test")
            result["perl, wrong"] = sandbox.run("sub f { 2 }", one, language="perl", entry_point="f").status
            one = [ScriptTest(code="if (f() !== 1) throw 1")]
            result["javascript"] = sandbox.run("const f = () => 1", one, language="javascript", entry_point="f").status
except UserError as error:
    result["refused"] = str(error)
print(json.dumps(result))
'''

NO_LANDLOCK = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7FFF0000)]
data = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *c) for c in code))
head = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(data)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, head, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
LOCKED = """
echo 0 > /proc/sys/user/max_user_namespaces &&
exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"
"""


def run(prefix: list[str], python: str = sys.executable, *, allow_weak: bool = False) -> dict[str, object]:
    paths = json.dumps([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    command = [*prefix, python, "-c", PROGRAM, paths, *(["weak"] if allow_weak else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not done.stdout:
        pytest.skip(f"cannot start so here: {done.stderr[-300:]}")
    return dict(json.loads(done.stdout))


def needs(*tools: str) -> None:
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")


PASSED: dict[str, object] = {"asserts": "passed", "stdio": "passed", "escape": "passed"}
if shutil.which("perl") and shutil.which("node"):
    PASSED |= {"perl": "passed", "left": [], "perl, wrong": "failed", "javascript": "passed"}


def test_it_works_as_the_user_who_runs_the_tests() -> None:
    result = run([])
    assert result["tier"] in ("A", "B")
    assert result.items() >= PASSED.items()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_it_works_as_an_ordinary_user() -> None:
    needs("setpriv")
    result = run(["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"], _public_python())
    assert result["tier"] in ("A", "B")
    assert result.items() >= PASSED.items()


def test_it_works_at_tier_b_where_namespaces_are_forbidden() -> None:
    needs("unshare", "setpriv")
    result = run(["unshare", "-U", "--map-root-user", "sh", "-c", LOCKED, "sh"])
    assert result["tier"] == "B"
    assert result["reasons"], "says why it is not tier A"
    assert result.items() >= PASSED.items()


def test_without_landlock_it_refuses_unless_weak_isolation_is_allowed() -> None:
    result = run([sys.executable, "-c", NO_LANDLOCK])
    assert result["tier"] == "C"
    assert "too little isolation" in str(result["refused"])
    assert "Landlock" in str(result["refused"])
    weak = run([sys.executable, "-c", NO_LANDLOCK], allow_weak=True)
    assert (weak["asserts"], weak["stdio"], weak["escape"]) == ("passed", "passed", "failed")


def _public_python() -> str:
    """Return an interpreter of this version that any user may run."""
    python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not os.path.exists(python):
        pytest.skip(f"needs {python}")
    return python
