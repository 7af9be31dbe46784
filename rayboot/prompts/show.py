"""Tests as a model sees them."""

from __future__ import annotations

from rayboot.problems.types import AssertTest, CallTest, Problem, ScriptTest, StdioTest, Test


def show_test(problem: Problem, test: Test) -> str:
    """One test as text: a line of Python, or an example of input and output. No newline at the end."""
    match test:
        case StdioTest():
            return f"Input:\n{test.stdin.rstrip()}\nOutput:\n{test.stdout.rstrip()}"
        case CallTest():
            return f"assert {show_call(problem, test)} == {test.expected!r}"
        case AssertTest() | ScriptTest():
            return test.code.strip()


def show_call(problem: Problem, test: CallTest) -> str:
    """The call that a test makes, as source."""
    return f"{problem.entry_point}({', '.join(map(repr, test.args))})"


def lines(text: str) -> str:
    """`text` as whole lines, so that it can stand in a template: ends with a newline unless it is empty."""
    return text.rstrip("\n") + "\n" if text else ""
