"""Every hostile program is contained, never passes, and leaves nothing: the next program runs as if alone."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_attack import ESCAPED, JUDGED, NEAR, QUESTION, SECRET, Attack
from hostile_escapes import ESCAPES
from hostile_forgeries import FORGERIES
from hostile_lies import LIES
from hostile_runaways import RUNAWAYS

from rayboot.problems import AssertTest, StdioTest, Test
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="system calls by the numbers of x86-64"
)

LIMITS = Limits(timeout=1.0, memory=256 << 20)
"""A slow machine may take longer to fill that much memory: programs that need not end as a timeout have more time."""
PATIENT = LIMITS.model_copy(update={"timeout": 20.0})
TOKEN = "hunter2-correct-horse"
RIGHT = f"def f(a, b): return {SECRET} + a * (a == b)"
MOST_RESIDENT = 400 << 20
"""Maximum bytes of a server's peak memory, whatever a program made it read."""


class Arena:
    """One sandbox for all programs, and what is visible of it from outside."""

    def __init__(self, sandbox: Sandbox, scratch: Path) -> None:
        self.sandbox = sandbox
        self.scratch = scratch
        self.supervisor = sandbox._servers[0]._process.pid

    def fight(self, attack: Attack, test: Test) -> Verdict:
        started = time.monotonic()
        verdict = self.sandbox.run(
            attack.program, [test], limits=LIMITS if "timeout" in attack.verdicts else PATIENT
        )
        assert verdict.status in attack.verdicts, verdict
        assert time.monotonic() - started < 100
        said = json.dumps(verdict.model_dump())
        assert ESCAPED not in said
        assert TOKEN not in said
        assert verdict.peak_memory < LIMITS.memory + (64 << 20)
        self.assert_clean()
        return verdict

    def assert_clean(self) -> None:
        """Assert that the next program passes on the same server, and that it has no child but its fork server."""
        assert self.sandbox.run(RIGHT, [AssertTest(code=QUESTION)]).passed
        assert self.sandbox._servers[0]._process.pid == self.supervisor
        (fork_server,) = children(self.supervisor)
        assert children(fork_server) == []


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def most_resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmHWM")


def traces() -> dict[str, object]:
    """Return what a program that broke out might leave on the machine."""
    own = f"/proc/{os.getpid()}/task"
    offspring = {
        child for task in os.listdir(own) for child in Path(own, task, "children").read_text().split()
    }
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "processes": offspring,
        "shared memory": Path("/proc/sysvipc/shm").read_text(),
        "root directory": os.listdir("/"),
    }


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """Yield a sandbox, and check at its end that nothing is left of all that it ran."""
    scratch = Path(tempfile.mkdtemp(prefix="rayboot-hostile-"))
    scratch.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAYBOOT_TEST_TOKEN", TOKEN)
        patch.setattr(tempfile, "tempdir", str(scratch))
        before, descriptors_before = traces(), descriptors()
        with Sandbox(limits=Limits(timeout=10.0)) as sandbox:
            if sandbox.tier == "C":
                pytest.skip("hostile programs run at tier A or B only")
            arena = Arena(sandbox, scratch)
            yield arena
            for pid in (arena.supervisor, *children(arena.supervisor)):
                assert most_resident(pid) < MOST_RESIDENT
        assert traces() == before
        # Ray in other tests opens and closes a few descriptors; one left by each program would be hundreds.
        assert descriptors() < descriptors_before + 50
        assert list(scratch.iterdir()) == []
    shutil.rmtree(scratch)


def test_the_suite_is_large() -> None:
    assert len(LIES) + len(FORGERIES) + len(ESCAPES) + len(RUNAWAYS) >= 250


@pytest.mark.parametrize("attack", RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_runaway_is_stopped_and_named(arena: Arena, attack: Attack) -> None:
    arena.fight(attack, AssertTest(code=QUESTION))


@pytest.mark.parametrize("attack", ESCAPES.values(), ids=ESCAPES)
def test_an_attempt_to_get_out_is_refused(arena: Arena, attack: Attack) -> None:
    verdict = arena.fight(attack, AssertTest(code=QUESTION))
    assert not attack.got or verdict.got == attack.got, verdict


@pytest.mark.parametrize("test", [QUESTION, JUDGED, NEAR], ids=["question", "judge", "near"])
@pytest.mark.parametrize("attack", [*LIES.values(), *FORGERIES.values()], ids=[*LIES, *FORGERIES])
def test_a_lie_is_not_believed(arena: Arena, attack: Attack, test: str) -> None:
    arena.fight(attack, AssertTest(code=test))


@pytest.mark.parametrize("attack", [*LIES.values(), *FORGERIES.values()], ids=[*LIES, *FORGERIES])
def test_a_lie_is_not_believed_in_print_either(arena: Arena, attack: Attack) -> None:
    script = Attack(f"{attack.program}\nprint(f(1, 2), end='')", attack.verdicts | {"memory_limit"})
    arena.fight(script, StdioTest(stdin="1 2", stdout=str(SECRET)))
