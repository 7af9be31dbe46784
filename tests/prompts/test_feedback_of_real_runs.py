"""Feedback on verdicts of the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rayboot.problems import AssertTest, CallTest, Problem, StdioTest, Test
from rayboot.prompts import SIMPLE, feedback_text
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Limits


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(allow_weak=True, limits=Limits(timeout=2.0)) as sandbox:
        yield sandbox


def feedback(sandbox: Sandbox, program: str, *tests: Test) -> str:
    problem = Problem(id="x/1", benchmark="x", statement="Do.", entry_point="f", tests=tests)
    verdict = sandbox.run(program, problem.tests, entry_point="f")
    assert not verdict.passed
    return feedback_text(problem, verdict, "full")


@pytest.mark.parametrize(
    ("program", "test", "text"),
    [
        (
            "def f(x):\n    return x",
            AssertTest(code="assert set(f([1])) == {2}", public=True),
            "set(f([1])) returned {1}, expected {2}.",
        ),
        (
            "def f(x):\n    return x",
            CallTest(args=(1,), expected=2, public=True),
            "f(1) returned 1, expected 2.",
        ),
        (
            "print(input())",
            StdioTest(stdin="1\n", stdout="2\n", public=True),
            "Input:\n1\nOutput:\n1\nExpected:\n2",
        ),
        (
            "def f(x):\n    y = 3\n    return z",
            AssertTest(code="assert f(1) == 2", public=True),
            "NameError: name 'z' is not defined (line 3) in f(1)",
        ),
        ("def f(x", AssertTest(code="assert f(1) == 2"), "SyntaxError: '(' was never closed (line 1)"),
    ],
)
def test_full_feedback_is_that_of_the_interpreter(
    sandbox: Sandbox, program: str, test: Test, text: str
) -> None:
    assert feedback(sandbox, program, test) == text


@pytest.mark.parametrize(
    "program",
    [
        "def f(x):\n    return x",
        "def f(x):\n    raise ValueError(x)",
        "import sys\ndef f(x):\n    sys.exit(x)",
        "import os\ndef f(x):\n    os._exit(ord(x[0]))",
    ],
)
def test_a_program_cannot_leak_a_hidden_input_into_its_feedback(sandbox: Sandbox, program: str) -> None:
    public, hidden = AssertTest(code="assert True", public=True), AssertTest(code="assert f('secret') == 2")
    assert feedback(sandbox, program, public, hidden) == SIMPLE
