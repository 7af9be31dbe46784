"""The content of a verdict for each kind of outcome."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, CallTest, ScriptTest
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

RunAsserts = Callable[..., Verdict]

DOUBLE = "def double(x):\n    return 2 * x\n"


def test_a_right_program_passes(check: RunAsserts) -> None:
    verdict = check(DOUBLE, "assert double(2) == 4", "assert double('ab') == 'abab'")
    assert verdict.passed
    assert verdict.failing_test is None
    assert verdict.tier in ("A", "B")
    assert verdict.cpu_seconds > 0
    assert 0 < verdict.wall_seconds < 60
    assert verdict.peak_memory > 1 << 20


def test_a_program_may_begin_with_a_byte_order_mark(check: RunAsserts) -> None:
    assert check(f"\ufeff{DOUBLE}", "assert double(2) == 4").passed


def test_a_wrong_answer_names_the_test_the_call_and_both_values(check: RunAsserts) -> None:
    verdict = check(DOUBLE, "assert double(2) == 4", "assert double([1]) == [2], 'twice'")
    assert (verdict.status, verdict.failing_test, verdict.error_type) == ("failed", 1, "AssertionError")
    assert (verdict.call, verdict.got, verdict.expected) == ("double([1])", "[1, 1]", "[2]")
    assert verdict.message == "twice"


def test_an_exception_names_its_class_message_and_line(check: RunAsserts) -> None:
    verdict = check("def f(x):\n    y = x\n    return y / 0\n", "assert f(1) == 1")
    assert (verdict.status, verdict.error_type, verdict.line) == ("error", "ZeroDivisionError", 3)
    assert verdict.message == "division by zero"
    assert verdict.call == "f(1)"
    assert verdict.failing_test == 0


def test_an_exception_of_the_program_itself_reaches_no_test(check: RunAsserts) -> None:
    verdict = check("x = 1\nraise ValueError('no')", "assert f(1) == 1")
    assert (verdict.status, verdict.error_type, verdict.message, verdict.line) == (
        "error",
        "ValueError",
        "no",
        2,
    )
    assert verdict.failing_test is None


def test_an_assert_of_the_program_s_own_is_an_error(check: RunAsserts) -> None:
    verdict = check("assert 1 == 2, 'mine'", "assert f(1) == 1")
    assert (verdict.status, verdict.error_type, verdict.message) == ("error", "AssertionError", "mine")


def test_a_missing_function_is_a_name_error(check: RunAsserts) -> None:
    for test in ("assert f(1) == 1", "import math\nassert math.isclose(f(1), 1)"):
        verdict = check("def g(x): return x", test)
        assert (verdict.status, verdict.error_type) == ("error", "NameError")
        assert verdict.message == "name 'f' is not defined"


@pytest.mark.parametrize(
    ("program", "kind", "line"),
    [
        ("def f(x):\n    return x +\n", "SyntaxError", 2),
        ("def f(x):\nreturn x\n", "IndentationError", 2),
        ("def f(x):\n\treturn x\n        return x", "TabError", 3),
        ("x = 1\x00", "SyntaxError", None),
        ("return 1", "SyntaxError", 1),
        ("x = '\ud800'", "UnicodeEncodeError", None),
    ],
)
def test_a_program_that_does_not_compile(
    check: RunAsserts, program: str, kind: str, line: int | None
) -> None:
    verdict = check(program, "assert f(1) == 1")
    assert (verdict.status, verdict.error_type) == ("syntax_error", kind)
    assert line is None or verdict.line == line
    assert verdict.failing_test is None


def test_a_text_that_python_cannot_compile_at_all_is_a_syntax_error(check: RunAsserts) -> None:
    assert check("-" * 100_000 + "1", "assert f(1) == 1").status == "syntax_error"
    assert check("(" * 5000, "assert f(1) == 1").status == "syntax_error"


def test_memory_error_is_memory_limit(check: RunAsserts) -> None:
    verdict = check(
        "def f(x): return bytearray(x)", "assert f(10 ** 12) == 1", limits=Limits(memory=256 << 20)
    )
    assert (verdict.status, verdict.failing_test) == ("memory_limit", 0)


def test_a_timeout_names_the_test_that_was_running(check: RunAsserts) -> None:
    program = "def f(x):\n    while x: pass\n    return 0"
    verdict = check(program, "assert f(0) == 0", "assert f(1) == 0", limits=Limits(timeout=0.5))
    assert (verdict.status, verdict.failing_test) == ("timeout", 1)
    assert 0.5 <= verdict.wall_seconds < 60


def test_the_time_limit_holds_for_all_tests_together(check: RunAsserts) -> None:
    program = "import time\ndef f(x):\n    time.sleep(0.3)\n    return 0"
    assert check(program, *["assert f(0) == 0"] * 5, limits=Limits(timeout=1.0)).status == "timeout"


def test_a_program_that_ends_itself_is_an_error(check: RunAsserts) -> None:
    for program in (
        "import os\nos._exit(0)",
        "import os\ndef f(x): os._exit(0)",
        "exit()",
        "def f(x): exit()",
    ):
        verdict = check(program, "assert f(1) == 1")
        assert (verdict.status, verdict.error_type) == ("error", "SystemExit"), verdict


def test_a_program_that_closes_all_descriptors_is_not_blamed_on_the_sandbox(check: RunAsserts) -> None:
    verdict = check("import os, time\nos.closerange(0, 100)\ntime.sleep(100)", "assert f(1) == 1")
    assert verdict.status == "error"


def test_output_is_kept_from_the_beginning(check: RunAsserts) -> None:
    program = "import sys\nprint('hello')\nprint('oh', file=sys.stderr)\ndef f(x):\n    print('y' * 5000)\n    return x"
    verdict = check(program, "assert f(1) == 1")
    assert verdict.passed
    assert verdict.stdout.startswith("hello\nyyy")
    assert verdict.stderr == "oh\n"
    assert len(verdict.stdout) <= 2048


@pytest.mark.parametrize(
    "beginning",
    [
        "import sys\nsys.stdout.reconfigure(encoding='utf-8')",
        "import io, sys\nsys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding='utf-8')",
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')",
    ],
)
def test_streams_may_be_set_up_in_a_module_as_well(check: RunAsserts, beginning: str) -> None:
    assert check(f"{beginning}\n{DOUBLE}", "assert double(2) == 4").passed


def test_input_is_empty_for_assert_tests(check: RunAsserts) -> None:
    assert check("x = input()", "assert f(1) == 1").error_type == "EOFError"


def test_a_main_guard_does_not_run_for_assert_tests(check: RunAsserts) -> None:
    assert check(
        "def f(x): return x\nif __name__ == '__main__':\n    raise ValueError", "assert f(1) == 1"
    ).passed


def test_long_values_are_shortened(check: RunAsserts) -> None:
    verdict = check("def f(x): return list(range(10000))", f"assert f(1) == {list(range(3000))}")
    assert verdict.got.startswith("[0, 1, 2")
    assert verdict.got.endswith("9999]")
    assert len(verdict.got) <= 200
    assert len(verdict.expected) <= 200


def test_texts_hold_no_memory_addresses_and_no_lone_surrogates(check: RunAsserts) -> None:
    assert check("def f(x): return f", "assert f(1) == 1").got == "<function f>"
    assert check("def f(x): raise ValueError(object())", "assert f(1) == 1").message == "<object object>"
    verdict = check("def f(x): raise ValueError('\\ud800')", "assert f(1) == 1")
    assert verdict.message.encode() == b"?"


def test_the_same_program_gets_the_same_verdict(check: RunAsserts) -> None:
    program = "import random\ndef f(x): return [random.random(), list({'a', 'b', 'c', 'd', 'e', 'f'})]"
    first, second = (check(program, "assert f(1) == 1").got for _ in range(2))
    assert first == second


def test_call_tests_compare_as_apps_does(sandbox: Sandbox) -> None:
    program = "def swap(a, b): return b, a"
    right = CallTest(args=(1, [2, "x"]), expected=[[2, "x"], 1])
    wrapped = CallTest(args=(1, 2), expected=[[2, 1]])
    wrong = CallTest(args=(1, 2), expected=[1, 2])
    assert sandbox.run(program, [right, wrapped], entry_point="swap").passed
    verdict = sandbox.run(program, [right, wrong], entry_point="swap")
    assert (verdict.status, verdict.failing_test) == ("failed", 1)
    assert (verdict.call, verdict.got, verdict.expected) == ("swap(1, 2)", "(2, 1)", "[1, 2]")


@pytest.mark.parametrize(
    ("returned", "expected", "right"),
    [
        ("123456000.0", 123456789, False),
        ("123456789.0", 123456789, True),
        ("0.1 + 0.2", 0.3, True),
        ("3", 3.0000001, True),
        ("10 ** 400", 1.5, False),
        ("[1.0, 2.00001]", [1, 2], False),
        ("[1, 2.00001]", [1.0, 2.0], True),
        ("[float('nan')]", [float("nan")], True),
        ("1.0", float("nan"), False),
        ("float('nan')", 1.0, False),
        ("None", None, True),
        ("None", "", False),
        ("''", "", True),
        ("''", None, False),
        ("1 / 0", None, False),
        ("1 / 0", "", False),
    ],
)
def test_a_number_may_be_near_where_the_expected_one_is_a_float(
    sandbox: Sandbox, returned: str, expected: object, right: bool
) -> None:
    test = CallTest(args=(), expected=expected)
    assert sandbox.run(f"def f(): return {returned}", [test], entry_point="f").passed is right


def test_call_tests_find_a_method_of_solution(sandbox: Sandbox) -> None:
    program = "class Solution:\n    def twice(self, x): return 2 * x"
    assert sandbox.run(program, [CallTest(args=(4,), expected=8)], entry_point="twice").passed


def test_jobs_in_one_go_come_back_in_order() -> None:
    jobs = [
        Job(program=f"def f(): return {i}", tests=(AssertTest(code=f"assert f() == {i - i % 3}"),))
        for i in range(30)
    ]
    with Sandbox(workers=3) as three:
        assert [verdict.passed for verdict in three.run_many(jobs)] == [i % 3 == 0 for i in range(30)]


def test_wrong_use_is_a_user_error(sandbox: Sandbox) -> None:
    with pytest.raises(UserError, match="at least one test"):
        sandbox.run("x = 1", [])
    with pytest.raises(UserError, match="assert tests are Python's; perl has stdio and script tests"):
        sandbox.run("1", [AssertTest(code="assert x")], language="perl")
    with pytest.raises(UserError, match="entry_point"):
        sandbox.run("x = 1", [CallTest(args=(), expected=1)])
    with pytest.raises(UserError, match="can have 1 to"):
        Sandbox(workers=0)


def test_a_test_file_in_python_is_judged_as_an_assert_test_is(sandbox: Sandbox) -> None:
    test = ScriptTest(
        code="def check(f):\n    for n in range(3):\n        assert f(n) == 2 * n\n\ncheck(double)"
    )
    right = sandbox.run("def double(n): return n + n", [test], entry_point="double")
    wrong = sandbox.run("def double(n): return n * n", [test], entry_point="double")
    assert right.passed
    assert (wrong.status, wrong.got, wrong.expected) == ("failed", "1", "2")
