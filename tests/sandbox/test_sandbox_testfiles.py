"""Test files decide: tests that nothing calls are called, and a test that never reaches the program is no test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rayboot.sandbox.verdict import Verdict

RunAsserts = Callable[..., Verdict]

PROGRAM = """
import unittest, unittest.case
def f(x): return 2 * x
def one(): return 1
class Lying(type): __mro__ = property(lambda kind: (kind, Exception))
class OwnSkip(unittest.SkipTest, metaclass=Lying): pass
class OwnStop(unittest.case._ShouldStop): pass
def skip(x): raise unittest.SkipTest('mine')
def skip_lying(x): raise OwnSkip('mine')
def stop(x): raise unittest.case._ShouldStop
def stop_own(x): raise OwnStop
"""
CASE = "import unittest\nclass T(unittest.TestCase):\n    def test_f(self): self.assertEqual(f(1), {})\n"


@pytest.mark.parametrize(
    "test",
    [
        "def test_f():\n    assert f(1) == {}",
        "async def test_f():\n    assert f(1) == {}",
        "class TestF:\n    def setup_method(self): self.x = 1\n    def test_f(self): assert f(self.x) == {}",
        "import pytest\n@pytest.mark.parametrize('x, y', [(0, 0), (1, {})])\ndef test_f(x, y):\n    assert f(x) == y",
        "if __name__ == '__main__':\n    assert f(1) == {}",
        CASE,
        f"{CASE}unittest.main()",
        f"{CASE}if __name__ == '__main__':\n    unittest.main()",
        f"{CASE}unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))",
        f"{CASE}unittest.main(exit=False)",
    ],
)
def test_tests_that_nobody_calls_are_called(check: RunAsserts, test: str) -> None:
    right, wrong = check(PROGRAM, test.format(2)), check(PROGRAM, test.format(3))
    assert right.passed, right
    assert wrong.status == "failed", wrong


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("x = 1", "never calls the program"),
        ("assert 1 == 1", "never calls the program"),
        ("assert len('abc') == 3", "never calls the program"),
        ("def check(candidate):\n    assert candidate(1) == 2", "never calls the program"),
        ("import unittest\nclass T(unittest.TestCase): pass\nunittest.main()", "never calls the program"),
        ("import unittest\nraise unittest.SkipTest('later')", "later"),
        (CASE.replace("    def", "    @unittest.skip('later')\n    def"), "skips itself: later"),
        ("def test_f(tmp_path):\n    assert f(1) == 2", "tmp_path"),
        ("import nothing_of_that_name\nassert f(1) == 2", "nothing_of_that_name"),
    ],
)
def test_a_test_that_decides_nothing_is_the_sandbox_s_error_with_the_reason(
    check: RunAsserts, test: str, reason: str
) -> None:
    verdict = check(PROGRAM, test)
    assert verdict.status == "sandbox_error", verdict
    assert reason in verdict.message


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("skip", "SkipTest"),
        ("skip_lying", "OwnSkip"),
        ("stop", "_ShouldStop"),
        ("stop_own", "OwnStop"),
    ],
)
@pytest.mark.parametrize(
    "case",
    [
        CASE,
        CASE.replace("self.a", "\n        with self.subTest(): self.a"),
        CASE.replace("test_f", "setUp") + "    def test_g(self): pass\n",
        CASE.replace("TestCase", "IsolatedAsyncioTestCase").replace("def", "async def"),
    ],
)
def test_a_program_cannot_skip_its_test(check: RunAsserts, case: str, call: str, kind: str) -> None:
    verdict = check(PROGRAM, case.replace("f(1)", f"{call}(1)").format(2))
    assert (verdict.status, verdict.error_type) == ("error", kind)


MAKE = "def make(n):\n    def inner(): assert f(n) == {}\n    return inner\n"
BASE = "class Base:\n    x = 1\n    def test_f(self): assert f(self.x) == {}\n"


@pytest.mark.parametrize(
    "test",
    [
        "class TestOuter:\n    class TestInner:\n        def test_f(self): assert f(1) == {}",
        BASE + "class TestF(Base): pass",
        BASE.format(2).replace("Base", "TestF") + "TestF().test_f()\nclass TestG(TestF): x = {} - 1",
        "if True:\n    def test_f(): assert f(1) == {}",
        MAKE + "test_f = make(1)",
        MAKE.format(2).replace("inner", "test") + "test_f, test_g = make(1), make({} - 1)\ntest_f()",
        "import functools\ndef check(x): assert f(1) == x\ntest_f = functools.partial(check, {})",
        "class TestF:\n    @staticmethod\n    def test_f(): assert f(1) == {}",
        "def test_f(): assert f(1) == {}\ndef run_all(): test_one(); test_f()\ntest_one()",
        f"{CASE}class T2(unittest.TestCase):\n    def test_g(self): assert one() == 1\n"
        "unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T2))",
        "class TestF:\n    def setup_class(cls): cls.x = 1\n    def test_f(self): assert f(self.x) == {}",
        "def setup_module(m): global x; x = 1\ndef test_f(): assert f(x) == {}",
        "def setup_function(): global x; x = 1\ndef test_f(): assert f(x) == {}",
        "def test_f(): assert f(1) == {}\ndef teardown_function(function): assert f(1) == 2",
        "import pytest, sys\ndef test_f(): assert f(1) == {}\n"
        "if __name__ == '__main__': sys.exit(pytest.main([__file__]))",
        "import pytest\ndef test_f(): assert [f(1), f(float('nan'))] == pytest.approx([{}, float('nan')], nan_ok=True)",
        "import pytest\n@pytest.mark.skip\ndef test_g(): assert one() == 2\ndef test_f(): assert f(1) == {}",
        CASE + "    @unittest.skip('later')\n    def test_g(self): self.assertEqual(one(), 2)",
        CASE + "    @unittest.expectedFailure\n    def test_g(self): self.assertEqual(one(), 2)",
        "import sys\nright = f(one()) == {}\nsys.exit(0 if right else 1)",
        "import sys\nright = f(one()) == {}\nsys.exit(not right)",
        "import sys\nassert f(one()) == {}\nsys.exit()",
    ],
)
def test_each_test_of_a_file_decides_beside_one_that_passes(check: RunAsserts, test: str) -> None:
    test = "def test_one(): assert one() == 1\n" + test
    right, wrong = check(PROGRAM, test.format(2)), check(PROGRAM, test.format(3))
    assert right.passed, right
    assert wrong.status == "failed", wrong


def test_an_exit_of_the_program_s_ends_no_test(check: RunAsserts) -> None:
    verdict = check("def f(x): raise SystemExit(0)", "for x in (1, 2): assert f(x) == x")
    assert (verdict.status, verdict.error_type) == ("error", "SystemExit")
    assert check(PROGRAM, "import sys\nsys.exit(0)").status == "sandbox_error"


def test_a_program_has_what_its_test_imports_once_it_is_through(check: RunAsserts) -> None:
    test = "import os\nassert f('x') == os.path.join('x', 'a')"
    assert check("def f(p): return os.path.join(p, 'a')", test).passed
    assert check("os = 5\ndef f(p): return f'{p}/a' if os == 5 else ''", test).passed
    assert check("x = os.sep\ndef f(p): return f'{p}/a'", test).error_type == "NameError"


def test_a_test_may_only_prepare_what_a_later_one_uses(check: RunAsserts) -> None:
    assert check(PROGRAM, "expected = 4", "assert f(2) == expected").passed
    assert check(PROGRAM, "expected = 4", "assert expected == 4").status == "sandbox_error"


LIE = "import sys, types\nlie = types.ModuleType('math')\nlie.isclose = lambda *a: True\nlie.fabs = lambda x: 0\n"
LIE += "sys.modules['math'] = math = lie\nisclose = lie.isclose\ndef poly(*a): return 0\ndef f(x): return 0\n"


@pytest.mark.parametrize(
    ("test", "setup_code"),
    [
        ("assert math.isclose(f(1), 1.5)", "import math"),
        ("assert math.isclose(f(1), 1.5)", ""),
        ("assert isclose(f(1), 1.5)", "from math import isclose"),
        ("assert isclose(f(1), 1.5)", ""),
        ("import math\nassert math.fabs(f(1) - 1.5) < 1e-6", ""),
        (
            "for x in (1, 2):\n    assert math.fabs(poly(x, f(x))) < 1",
            "import math\ndef poly(x, y): return x + 1",
        ),
    ],
)
def test_modules_and_the_set_up_s_functions_are_the_judge_s_own(
    check: RunAsserts, test: str, setup_code: str
) -> None:
    assert check(LIE, test, setup_code=setup_code).status == "failed"


@pytest.mark.parametrize(
    "test",
    [
        "assert f(1).startswith('a')",
        "assert f(1).__eq__('a') is True",
        "assert f(1) == 'a'",
        "assert 'a' in f(1)",
        "x = f(1)\nassert x == 'a'",
        "for x in (1, 2):\n    assert f(x).endswith('a')",
        "assert abs(f(1) - 1.5) < 1e-6",
        "for x in (1, 2):\n    assert abs(f(x) - 1.5) < 1e-6",
        "for x in (1, 2):\n    assert f(x) < 1.5",
    ],
)
@pytest.mark.parametrize("base", ["", "(str)", "(list)", "(int)"])
def test_an_object_that_says_yes_to_everything_is_not_believed(
    check: RunAsserts, base: str, test: str
) -> None:
    program = f"""
class Yes{base}:
    startswith = endswith = __eq__ = __contains__ = __lt__ = lambda self, *a: True
    __sub__ = __abs__ = lambda self, *a: 0.0
def f(x): return Yes()
"""
    if base == "(int)" and "< 1.5" in test:
        assert check(program, test).passed  # it is 0
    else:
        assert check(program, test).status in ("failed", "error")


@pytest.mark.parametrize("name", ["f", "x", "math", "Counter", "T"])
@pytest.mark.parametrize("claim", ["f(x) - 1.5 == 0", "f(x) < 1", "f(x).startswith('a')", "'a' in f(x)"])
def test_an_object_is_not_believed_by_the_name_of_its_class(check: RunAsserts, name: str, claim: str) -> None:
    program = f"""
class {name}:
    def __init__(self, *a): pass
    startswith = __eq__ = __contains__ = __lt__ = lambda self, *a: True
    __sub__ = lambda self, *a: 0.0
"""
    test = f"import math\nfrom collections import Counter\nclass T: pass\nfor x in (1, 2): assert {claim}"
    program += "" if name == "f" else f"def f(x): return {name}()\n"
    assert check(program, test).status in ("failed", "error")


def test_comparisons_with_objects_may_follow_each_other(check: RunAsserts) -> None:
    program = "class N:\n    def __init__(self, x): self.x = x\n    def __eq__(self, other): return self.x == other\n"
    assert check(program, *(f"assert N(5) != {n}" for n in (6, 7, 8))).passed


def test_what_a_program_leaves_does_not_reach_the_next_one(check: RunAsserts) -> None:
    program = """
text = "import builtins; builtins.planted = True; f = lambda x: 5"
for name in ("conftest.py", "sitecustomize.py", "usercustomize.py", "x.pth", "math.py", "pytest.py", "test.py"):
    with open(name, "w") as file: file.write(text)
def f(x): return 5
"""
    assert check(program, "assert f(1) == 5").passed
    clean = "import builtins, os\ndef f(x): return hasattr(builtins, 'planted') or os.listdir()"
    assert check(clean, "assert f(1) == []").passed
    judged = "import math, pytest\nassert math.isclose(f(1), 5)\nassert not hasattr(__builtins__, 'planted')"
    assert check(program, judged).passed


def test_a_program_finds_its_own_source_and_not_the_test_s(check: RunAsserts) -> None:
    program = """
import inspect, linecache, sys
def own(): return inspect.getsource(own).startswith('def own')
def others():
    frames, frame = [], sys._getframe()
    while frame:
        frames.append(frame.f_code.co_filename); frame = frame.f_back
    lines = [line for name in (*frames, '<test>', '<setup>') for line in linecache.getlines(name)]
    return any('SECRET' + '_VALUE' in line for line in lines)
"""
    setup = "def helper(x):\n    return 'public'"
    assert check(
        program, "assert own()", "for _ in 'SECRET_VALUE': assert not others()", setup_code=setup
    ).passed
