"""The servers survive what programs and their owner's threads do to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rayboot.errors import RaybootError
from rayboot.problems import AssertTest, StdioTest
from rayboot.sandbox import server
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.tiers import detect_tier
from rayboot.sandbox.verdict import Limits

RIGHT = Job(program="def f(x): return x", tests=(AssertTest(code="assert f(1) == 1"),))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_dead_server_is_replaced() -> None:
    with Sandbox() as sandbox:
        first = sandbox._servers[0]._process.pid
        os.kill(first, signal.SIGKILL)
        assert sandbox.run_job(RIGHT).passed
        assert sandbox._servers[0]._process.pid != first


def test_a_dead_fork_server_is_replaced() -> None:
    with Sandbox() as sandbox:
        supervisor = sandbox._servers[0]._process.pid
        os.kill(children(supervisor)[0], signal.SIGKILL)
        assert sandbox.run_job(RIGHT).passed
        assert sandbox._servers[0]._process.pid == supervisor


def test_a_server_that_dies_during_a_job_is_replaced_and_the_job_run_again() -> None:
    job = Job(
        program="import time\ntime.sleep(0.6)\ndef f(x): return x",
        tests=(AssertTest(code="assert f(1) == 1"),),
    )
    with Sandbox() as sandbox:
        killer = threading.Timer(0.3, os.kill, (sandbox._servers[0]._process.pid, signal.SIGKILL))
        killer.start()
        assert sandbox.run_job(job).passed
        killer.join()


def test_a_program_that_kills_its_server_three_times_is_the_sandbox_s_error() -> None:
    job = Job(program="import time\ntime.sleep(60)", tests=(AssertTest(code="assert f(1) == 1"),))
    stop = threading.Event()
    with Sandbox(limits=Limits(timeout=30)) as sandbox:

        def kill_always() -> None:
            while not stop.wait(0.2):
                found = sandbox._servers[0]
                if found._ready:
                    found._process.kill()

        killer = threading.Thread(target=kill_always)
        killer.start()
        verdict = sandbox.run_job(job)
        stop.set()
        killer.join()
        assert verdict.status == "sandbox_error"
        assert "3 times" in verdict.message
        assert sandbox.run_job(RIGHT).passed


def test_a_fork_server_that_hangs_is_replaced() -> None:
    with Sandbox() as sandbox:
        (fork_server,) = children(sandbox._servers[0]._process.pid)
        os.kill(fork_server, signal.SIGSTOP)
        assert sandbox.run_job(RIGHT).passed
        assert children(sandbox._servers[0]._process.pid) != [fork_server]


def test_a_fork_server_that_hangs_while_a_judge_waits_is_replaced_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tests = (AssertTest(code="for i in range(3): assert f(i) == i"),)
    hanging = Job(program="import time\ndef f(x): time.sleep(60)", tests=tests, limits=Limits(timeout=2.0))
    with Sandbox() as sandbox:
        (fork_server,) = children(sandbox._servers[0]._process.pid)
        stopper = threading.Timer(1.0, os.kill, (fork_server, signal.SIGSTOP))
        stopper.start()
        assert sandbox.run_job(hanging).status == "timeout"
        stopper.join()
        assert sandbox.run_job(RIGHT).passed
    assert "Traceback" not in capfd.readouterr().err


def test_a_server_whose_replacement_does_not_start_is_the_sandbox_s_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sandbox() as sandbox:
        with monkeypatch.context() as patch:
            patch.setattr(server, "START_SECONDS", 1e-6)
            os.kill(sandbox._servers[0]._process.pid, signal.SIGKILL)
            verdict = sandbox.run_job(RIGHT)
            assert (verdict.status, verdict.message) == ("sandbox_error", "the server hung, 3 times")
        assert sandbox.run_job(RIGHT).passed


def test_a_very_long_program_is_compiled_under_its_own_limits() -> None:
    long = Job(program="x = 1\n" * 200_000 + RIGHT.program, tests=RIGHT.tests)
    endless = Job(
        program="x = [" + "1 + x," * 2_000_000 + "]", tests=RIGHT.tests, limits=Limits(memory=200 << 20)
    )
    with Sandbox() as sandbox:
        assert sandbox.run_job(long).passed
        assert sandbox.run_job(endless).status == "memory_limit"
        assert sandbox.run_job(RIGHT).passed


def test_threads_share_a_sandbox() -> None:
    jobs = [
        Job(program=f"def f(): return {i}", tests=(AssertTest(code=f"assert f() == {i}"),)) for i in range(40)
    ]
    with Sandbox(workers=2) as sandbox, ThreadPoolExecutor(8) as threads:
        assert all(verdict.passed for verdict in threads.map(sandbox.run_job, jobs))


def test_the_thread_that_made_a_sandbox_may_end() -> None:
    with ThreadPoolExecutor(1) as threads:
        sandbox = threads.submit(Sandbox).result()
    time.sleep(0.2)
    with sandbox:
        pid = sandbox._servers[0]._process.pid
        assert sandbox.run_job(RIGHT).passed
        assert sandbox._servers[0]._process.pid == pid


def test_no_descriptor_and_no_process_is_left_after_many_jobs() -> None:
    bad = Job(program="import os\nos._exit(1)", tests=RIGHT.tests)
    wrong_syntax = Job(program="def", tests=RIGHT.tests)
    judged = Job(program=RIGHT.program, tests=(AssertTest(code="for i in range(3): assert f(i) == i"),))
    printing = Job(program="print(input())", tests=(StdioTest(stdin="1", stdout="1"),) * 5)
    with Sandbox() as sandbox:
        supervisor = sandbox._servers[0]._process.pid
        (fork_server,) = children(supervisor)

        def census() -> tuple[int, int, int, int]:
            count = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (supervisor, fork_server)]
            return (*count, len(children(supervisor)), len(children(fork_server)))

        sandbox.run_many([RIGHT, bad, wrong_syntax, judged, printing])
        before = census()
        sandbox.run_many([RIGHT, bad, wrong_syntax, judged, printing] * 10)
        deadline = time.monotonic() + 20  # removal continues after a verdict
        while census() != before:
            assert time.monotonic() < deadline, (census(), before)
            time.sleep(0.05)
        assert sandbox._servers[0]._process.pid == supervisor, "no crash was papered over by a replacement"
        assert children(supervisor) == [fork_server]


def test_a_closed_sandbox_says_so() -> None:
    sandbox = Sandbox()
    sandbox.close()
    sandbox.close()
    with pytest.raises(RaybootError, match="closed"):
        sandbox.run_job(RIGHT)


def test_the_tier_is_explained() -> None:
    report = detect_tier()
    assert report.tier in ("A", "B", "C")
    assert report.meaning
    assert (report.tier == "A") == (report.reasons == ())


def test_importing_the_sandbox_needs_neither_ray_nor_torch_nor_numpy() -> None:
    code = "import sys, rayboot.sandbox; print([m for m in ('ray', 'torch', 'numpy') if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
