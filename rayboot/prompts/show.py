"""Problems and their tests in the form that a model sees."""

from __future__ import annotations

from rayboot.problems import AssertTest, CallTest, Problem, ScriptTest, StdioTest, Test


def show_test(problem: Problem, test: Test) -> str:
    """Return one test as text: a line of Python, or an example of input and output. It has no newline at the end."""
    match test:
        case StdioTest():
            return f"Input:\n{test.stdin.rstrip()}\nOutput:\n{test.stdout.rstrip()}"
        case CallTest():
            return f"assert {show_call(problem, test)} == {test.expected!r}"
        case AssertTest() | ScriptTest():
            return test.code.strip()


def show_call(problem: Problem, test: CallTest) -> str:
    """Return the source of the call that a test makes."""
    return f"{problem.entry_point}({', '.join(map(repr, test.args))})"


def show_interface(problem: Problem) -> str:
    """Return a sentence on how the program is called; empty if the problem does not define it."""
    if problem.entry_point:
        return f"The function is called {problem.entry_point}."
    if isinstance(problem.tests[0], StdioTest):
        return "The program reads standard input and prints the answer."
    return ""


def task_fields(problem: Problem) -> dict[str, str]:
    """Return the values of a template's placeholders for the problem."""
    return {
        "statement": problem.statement,
        "starter_code": whole_lines(problem.starter_code),
        "tests": whole_lines("\n".join(show_test(problem, test) for test in problem.public_tests)),
        "buggy_code": whole_lines(problem.buggy_code),
        "interface": whole_lines(show_interface(problem)),
        "language": problem.language,
        "entry_point": problem.entry_point,
    }


def whole_lines(text: str) -> str:
    """Return `text` with a newline at its end, so that it can stand in a template; an empty text stays empty."""
    return text.rstrip("\n") + "\n" if text else ""
