"""The sandbox: warm servers, over which programs are distributed."""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from subprocess import CalledProcessError
from types import TracebackType
from typing import get_args

from rayboot.errors import RaybootError, UserError
from rayboot.problems import Problem, Test
from rayboot.problems.types import Language
from rayboot.sandbox.inside import preload as preloading
from rayboot.sandbox.inside.languages import LANGUAGES, base, missing
from rayboot.sandbox.server import Server
from rayboot.sandbox.tiers import start_server
from rayboot.sandbox.verdict import Limits, Runtime, Tier, Verdict
from rayboot.values import Frozen

WORKERS_PER_CPU = 32
"""Maximum. More workers would only fill the memory: each has two processes of its own."""


class Job(Frozen):
    """One program, and everything that decides whether it is right."""

    program: str
    tests: tuple[Test, ...]
    language: Language = "python"
    setup_code: str = ""
    """Public code that runs after the program and before the tests."""
    prelude: str = ""
    """Import statements that a Python program may leave out."""
    entry_point: str = ""
    """Name of the function that the tests call; `call` tests need it."""
    limits: Limits | None = None
    """None for the sandbox's defaults."""

    @classmethod
    def of(cls, problem: Problem, program: str) -> Job:
        """Return the job that runs a program against a problem's tests."""
        return cls(
            program=program,
            tests=problem.tests,
            language=problem.language,
            setup_code=problem.setup_code,
            prelude=problem.prelude,
            entry_point=problem.entry_point,
        )


class Sandbox:
    """Warm servers that run programs in isolated processes. Thread-safe; a context manager.

    Args:
        workers: Number of warm servers, and so of programs that run at the same time.
        limits: Limits of jobs that have none of their own.
        allow_weak: Run programs even where the system offers too little isolation (tier C).
        preload: Modules beside the standard library that Python programs may import, such as `("numpy",)`. Each must be
            importable here. The import costs a program no time: it is forked from a process that has them.
        runtime: `runsc` runs each server in a gVisor container: slower, with a kernel in user space between the
            programs and the machine's. Needs root, and `runsc` (Debian package runsc).

    Raise UserError if `workers` or `runtime` is not allowed; the system offers only tier C, and `allow_weak` is False;
    a module of `preload` is not installed; or `runsc` is requested, and missing or unable to run here.
    """

    def __init__(
        self,
        workers: int = 1,
        limits: Limits | None = None,
        allow_weak: bool = False,
        preload: Sequence[str] = (),
        runtime: Runtime = "native",
    ) -> None:
        max_workers = WORKERS_PER_CPU * (os.cpu_count() or 1)
        if not 1 <= workers <= max_workers:
            raise UserError(f"a sandbox here can have 1 to {max_workers} workers, not {workers}")
        if runtime not in get_args(Runtime):
            raise UserError(f"runtime {runtime!r} is unknown: {' or '.join(get_args(Runtime))}")
        try:
            environment = preloading.environment(tuple(preload))
        except ModuleNotFoundError as error:
            raise UserError(
                f"preload: {error} cannot be imported by {sys.executable}; install it there, or leave it out"
            ) from error
        self._limits = limits or Limits()
        self._servers: list[Server] = []
        self._idle: queue.Queue[Server] = queue.Queue()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")
        try:
            for _ in range(workers):
                self._servers.append(start_server(runtime, allow_weak, environment))
            for server in self._servers:
                server.wait_ready()
                self._idle.put(server)
        except BaseException:
            self.close()
            raise
        self.tier: Tier = self._servers[0].report.tier
        """Strength of the isolation: runsc (strongest, on request), A, B or C."""

    def run(
        self,
        program: str,
        tests: Sequence[Test],
        setup_code: str = "",
        limits: Limits | None = None,
        entry_point: str = "",
        language: Language = "python",
    ) -> Verdict:
        """Run one program against its tests, in order, up to the first that fails.

        Raise UserError if there is no test, a test's kind is not available in the language, a `call` test has no entry
        point, or the toolchain is missing; RaybootError if the sandbox is closed, or cannot prepare for the language.
        """
        job = Job(
            program=program,
            tests=tuple(tests),
            language=language,
            setup_code=setup_code,
            limits=limits,
            entry_point=entry_point,
        )
        return self.run_job(job)

    def run_job(self, job: Job) -> Verdict:
        """Run one job, as `run` does."""
        _check(job)
        server = self._idle.get()
        try:
            return server.verdict(job.model_dump(), job.limits or self._limits)
        finally:
            self._idle.put(server)

    def run_many(self, jobs: Sequence[Job]) -> list[Verdict]:
        """Run jobs, distributed over the workers, and return their verdicts in order.

        Raise UserError as `run` does, before any job has run.
        """
        for job in jobs:
            _check(job)
        return list(self._threads.map(self.run_job, jobs))

    def close(self) -> None:
        """Stop the servers, and the programs that they still run."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for server in self._servers:
            server.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check(job: Job) -> None:
    if not job.tests:
        raise UserError("a job needs at least one test")
    if job.language != "python":
        _check_toolchain(job.language)
    for index, test in enumerate(job.tests):
        if test.kind in ("assert", "call") and job.language != "python":
            raise UserError(
                f"test {index}: {test.kind} tests are Python's; {job.language} has stdio and script tests"
            )
        if test.kind == "call" and not job.entry_point:
            raise UserError(f"test {index}: a `call` test needs the job's entry_point, the function to call")


@cache
def _check_toolchain(language: str) -> None:
    lacking = missing(LANGUAGES[language])
    if lacking:
        tools, packages = " and ".join(lacking), " ".join(sorted(set(lacking.values())))
        raise UserError(
            f"{language} programs need {tools}, which this machine lacks: install the package {packages}"
        )
    try:
        base.open_root()
        LANGUAGES[language].prepare()
    except (OSError, CalledProcessError) as error:
        raise RaybootError(f"the sandbox cannot prepare for {language}: {error}") from error
