"""Problems and their tests as a model sees them."""

from __future__ import annotations

from rayboot.problems import AssertTest, CallTest, Problem, ScriptTest, StdioTest, Test


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


def show_interface(problem: Problem) -> str:
    """How the program is called, in a sentence; empty if the problem does not say."""
    if problem.entry_point:
        return f"The function is called {problem.entry_point}."
    if isinstance(problem.tests[0], StdioTest):
        return "The program reads standard input and prints the answer."
    return ""


def task_fields(problem: Problem) -> dict[str, str]:
    """What a template may say of a problem."""
    return {
        "statement": problem.statement,
        "starter_code": lines(problem.starter_code),
        "tests": lines("\n".join(show_test(problem, test) for test in problem.public_tests)),
        "buggy_code": lines(problem.buggy_code),
        "interface": lines(show_interface(problem)),
        "language": problem.language,
        "entry_point": problem.entry_point,
    }


def lines(text: str) -> str:
    """`text` as whole lines, so that it can stand in a template: ends with a newline unless it is empty."""
    return text.rstrip("\n") + "\n" if text else ""
