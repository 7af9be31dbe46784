"""A long run: no program is lost or judged twice, and neither memory, processes nor descriptors grow.

RAYBOOT_SOAK is the number of programs (50,000 for the full run, which takes minutes). This file is also a script.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rayboot.problems import AssertTest, StdioTest
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits, Status

PROGRAMS = int(os.environ.get("RAYBOOT_SOAK", "600"))
BATCH = 100
WARM_UP = 0.1
"""Fraction of the run after which memory must not grow any more: 5,000 of 50,000 programs."""
_MORE = 1.10
_QUICK = Limits(timeout=20.0, memory=256 << 20, output=1 << 16)
_IMPATIENT = Limits(timeout=0.2)

_RIGHT = "def f(x):\n    return [x, {number}]\n"
_HOSTILE: tuple[tuple[str, tuple[Status, ...]], ...] = (
    ("import os\nos._exit(0)", ("error",)),
    ("import os\ndef f(x): os.abort()", ("crashed",)),
    ("class Yes(list):\n    def __eq__(self, other): return True\ndef f(x): return Yes()", ("failed",)),
    ("x = bytearray(50 << 30)", ("memory_limit",)),
    ("while True: print('x' * 10_000)", ("output_limit",)),
    ("import os\ndef f(x): os.fork()", ("error",)),
    ("import os\nos.write(3, b'x' * 100)\ndef f(x): return 0", ("error", "output_limit")),
    ("import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()\nos", ("error",)),
    ("import os\nos.closerange(0, 99)\ndef f(x): return 0", ("error",)),
    ("while True: pass", ("timeout",)),
)


@dataclass(frozen=True)
class Census:
    """Counts that must not grow."""

    resident: dict[str, int]
    """Bytes, by role of the process."""
    descriptors: dict[str, int]
    processes: int


def job(number: int) -> tuple[Job, str, tuple[Status, ...]]:
    """Return the job of a number, the value it must have shown (which names the job), and its possible verdicts."""
    limits = _QUICK
    if number % 10 == 9:
        program, statuses = _HOSTILE[number // 10 % len(_HOSTILE)]
        if statuses == ("timeout",):
            limits = _IMPATIENT
        test = AssertTest(code=f"assert f(1) == [1, {number}]")
        return Job(program=program, tests=(test,), limits=limits), "", statuses
    program = _RIGHT.format(number=number)
    if number % 10 == 8:  # wrong, so that the verdict shows which job it belongs to
        wrong = AssertTest(code="assert f(1) == 0")
        return Job(program=program, tests=(wrong,), limits=limits), f"[1, {number}]", ("failed",)
    if number % 10 == 7:
        judged = AssertTest(code=f"for x in range(2): assert f(x) == [x, {number}]")
        return Job(program=program, tests=(judged,), limits=limits), "", ("passed",)
    if number % 10 == 6:
        printed = StdioTest(stdin=str(number), stdout=str(number + 1))
        return Job(program="print(int(input()) + 1)", tests=(printed,), limits=limits), "", ("passed",)
    tests = tuple(AssertTest(code=f"assert f({x}) == [{x}, {number}]") for x in range(3))
    return Job(program=program, tests=tests, limits=limits), "", ("passed",)


def soak(programs: int) -> tuple[Counter[str], Census, Census]:
    """Run that many programs. Return the verdicts' counts, and the census after the warm-up and at the end."""
    counts: Counter[str] = Counter()
    early: Census | None = None
    with Sandbox(workers=2) as sandbox:
        for start in range(0, programs, BATCH):
            batch = [job(number) for number in range(start, min(start + BATCH, programs))]
            verdicts = sandbox.run_many([one for one, _, _ in batch])
            for (one, got, statuses), verdict in zip(batch, verdicts, strict=True):
                assert verdict.status in statuses, (one, verdict)
                assert not got or verdict.got == got, (one, verdict)
                counts[verdict.status] += 1
            if early is None and start + BATCH >= WARM_UP * programs:
                early = census(sandbox)
        late = census(sandbox)
    assert early is not None
    return counts, early, late


def census(sandbox: Sandbox) -> Census:
    resident, descriptors, processes = {}, {}, 0
    for index, server in enumerate(sandbox._servers):
        supervisor = server._process.pid
        offspring = children(supervisor)
        processes += len(offspring) + sum(len(children(pid)) for pid in offspring)
        for role, pid in (("supervisor", supervisor), ("fork server", offspring[0])):
            resident[f"{role} {index}"] = resident_bytes(pid)
            descriptors[f"{role} {index}"] = len(os.listdir(f"/proc/{pid}/fd"))
    resident["owner"] = resident_bytes(os.getpid())
    descriptors["owner"] = len(os.listdir("/proc/self/fd"))
    return Census(resident, descriptors, processes)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Return the children's pids, zombies included."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_long_run_loses_nothing_and_grows_nowhere() -> None:
    """Runs in its own process, since other things grow in the tests' process."""
    soaked = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    assert soaked.returncode == 0, soaked.stdout + soaked.stderr


if __name__ == "__main__":
    started = time.monotonic()
    counts, early, late = soak(PROGRAMS)
    print(f"{counts.total()} programs in {time.monotonic() - started:.0f} s: {dict(counts)}")
    for role, size in late.resident.items():
        growth = size / early.resident[role] - 1
        print(
            f"{role}: {size / 2**20:.1f} MB resident, {growth:+.1%}; {late.descriptors[role]} descriptors, "
            f"before {early.descriptors[role]}"
        )
    print(f"{late.processes} processes, before {early.processes}")
    assert counts.total() == PROGRAMS
    assert late.processes == early.processes == 2
    assert late.descriptors == early.descriptors
    assert all(size < _MORE * early.resident[role] for role, size in late.resident.items())
