"""Judging agrees with Python's own rules, though values are compared in another process."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import pytest

from rayboot.sandbox.verdict import Limits, Verdict

RunAsserts = Callable[..., Verdict]

HELPERS = """
import math, collections, re, enum, decimal, fractions, datetime, functools
from collections import Counter, OrderedDict, defaultdict, namedtuple, deque

Point = namedtuple('Point', 'x y')
class Colour(enum.IntEnum):
    RED = 1
class Plain(enum.Enum):
    RED = 1
class Node:
    def __init__(self, value): self.value, self.next = value, None
    def size(self): return 1 + (self.next.size() if self.next else 0)
class Custom(Exception): pass
def same(x): return x
def append(items, x): items.append(x)
def clear_all(d): d.clear()
def fill(grid):
    for row in grid:
        for i in range(len(row)): row[i] = 0
def fail(x): raise ValueError('bad ' + str(x))
def custom(x): raise Custom('mine')
def numbers(n):
    for i in range(n): yield i
def node(x): return Node(x)
def value(n): return n.value
def apply(f, xs): return [f(x) for x in xs]
def sum(a, b): return a * 100 + b
def search(x): return re.match('a', x)
"""

# Python itself also runs every assert, in one namespace with HELPERS: the verdicts must agree.
ASSERTS = [
    "assert same(1) == 1.0 == True",
    "assert same(1) == True",
    "assert same(True) == 1",
    "assert same((1, 2)) == [1, 2]",
    "assert same([1, (2, 3)]) == [1, (2, 3)]",
    "assert same({1, 2}) == {2, 1}",
    "assert same(frozenset([1])) == {1}",
    "assert same({'a': [1]}) == {'a': [1]}",
    "assert same(float('nan')) == float('nan')",
    "assert same(float('inf')) == float('inf')",
    "assert same(10 ** 100) == 10 ** 100",
    "assert same(-(10 ** 5000)) == -(10 ** 5000)",
    "assert same(0.1 + 0.2) == 0.3",
    "assert same(0.1 + 0.2) == 0.1 + 0.2",
    "assert same('caf\\u00e9 \\ud800 \\x00') == 'caf\\u00e9 \\ud800 \\x00'",
    "assert same(b'ab') == b'ab'",
    "assert same(bytearray(b'ab')) == b'ab'",
    "assert same(3 + 4j) == 3 + 4j",
    "assert same(None) == None",
    "assert same(None) is None",
    "assert same(1) is True",
    "assert same(True) is True",
    "assert same(0) is not None",
    "assert same(...) == ...",
    "assert same(range(3)) == range(3)",
    "assert same(range(3)) == [0, 1, 2]",
    "assert Counter('aab') == {'a': 2, 'b': 1}",
    "assert same(Counter('aab')) == {'a': 2, 'b': 1}",
    "assert same(OrderedDict(a=1)) == {'a': 1}",
    "assert same(defaultdict(int, a=1)) == {'a': 1}",
    "assert Point(1, 2) == (1, 2)",
    "assert same(Point(1, 2)) == (1, 2)",
    "assert same(Colour.RED) == 1",
    "assert same(Plain.RED) == 1",
    "assert same(deque([1])) == [1]",
    "assert same({1: 2}.keys()) == {1}",
    "assert same({1: 2}.values()) == [2]",
    "assert same(map(str, [1])) == ['1']",
    "assert list(same(map(str, [1]))) == ['1']",
    "assert numbers(3) == [0, 1, 2]",
    "assert list(numbers(3)) == [0, 1, 2]",
    "assert sorted(same([3, 1])) == [1, 3]",
    "assert set(same([1, 1])) == {1}",
    "assert len(same('abc')) == 3",
    "assert round(same(1.2345), 2) == 1.23",
    "assert same([1, 2])[0] == 1",
    "assert same({'a': 1})['a'] == 1",
    "assert 4 == same(4)",
    "assert 4 < same(5)",
    "assert 4 < same(3)",
    "assert same(3) in (1, 2, 3)",
    "assert same(3) not in (1, 2)",
    "assert 2 in same([1, 2])",
    "assert 2 in numbers(3)",
    "assert 5 in numbers(3)",
    "assert same([])",
    "assert not same([])",
    "assert same(node(1))",
    "assert not same(None)",
    "assert search('abc')",
    "assert search('xyz')",
    "assert same(1) == 1, 2",
    "assert same(1) == 1,-6",
    "assert abs(same(1.5) - 1.4999999) < 1e-6",
    "assert abs(same(1.5) - 1.4) < 1e-6",
    "assert abs(1.5 - same(1.5)) <= 0",
    "assert abs(same('a') - 1.4) < 1e-6",
    "assert same(None) < 3",
    "assert same(decimal.Decimal('1.5')) == 1.5",
    "assert same(fractions.Fraction(1, 2)) == 0.5",
    "assert same(datetime.date(2020, 1, 2)) == datetime.date(2020, 1, 2)",
    "assert math.isclose(same(1.0), 1.0 + 1e-12)",
    "assert math.isclose(same(1.0), 1.1)",
    "import math as m\nassert m.floor(same(1.9)) == 1",
    "assert isinstance(same([1]), list)",
    "assert isinstance(same([1]), (tuple, str))",
    "assert type(same(1)) == int",
    "assert type(same(True)) is bool",
    "assert set(same([1, 2])) == set(same([2, 1]))",
    "assert all(same(x) == x for x in range(5))",
    "assert [same(x) for x in 'ab'] == ['a', 'b']",
    "for i in range(3):\n    assert same(i) == i",
    "for i in range(3):\n    assert same(i) == i % 2",
    "x = [1]\nappend(x, 2)\nassert x == [1, 2]",
    "x = {1: 2}\nclear_all(x)\nassert x == {}",
    "row = [1, 2]\ngrid = [row, [3]]\nfill(grid)\nassert row == [0, 0]",
    "x = [1]\nassert same(x) is x",
    "x = [1]\nassert list(same(x)) is not x",
    "try:\n    fail(1)\nexcept ValueError as error:\n    assert str(error) == 'bad 1'\nelse:\n    assert False",
    "try:\n    same(1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
    "try:\n    custom(1)\nexcept Custom as error:\n    assert str(error) == 'mine'",
    "try:\n    custom(1)\nexcept KeyError:\n    pass",
    "fail(1)",
    "def check(candidate):\n    assert candidate(1) == 1\n    assert candidate('a') == 'a', 'msg'\ncheck(same)",
    "def check(candidate):\n    assert candidate(1) == 1\n    assert candidate('a') == 'b', 'msg'\ncheck(same)",
    "def check(candidate):\n    for x in (1, 2):\n        assert candidate(x) == x\ncheck(same)",
    "def check(candidate):\n    x = candidate(1)\n    assert x == 2, f'{x}'\ncheck(same)",
    "def helper(x): return same(x) + 1\nassert helper(1) == 2",
    "n = node(5)\nassert value(n) == 5\nassert n.value == 5\nassert n.size() == 1",
    "n = node(5)\nn.next = node(6)\nassert n.size() == 2",
    "assert node(5).value == 5",
    "assert Node(5).size() == 1",
    "assert isinstance(node(1), Node)",
    "assert value(Node(3)) == 3",
    "assert apply(lambda x: x + 1, [1, 2]) == [2, 3]",
    "k = 10\nassert apply(lambda x: x + k, [1, 2]) == [11, 12]",
    "assert apply(str, [1, 2]) == ['1', '2']",
    "try:\n    apply(lambda x: [][x], [1])\nexcept IndexError:\n    pass\nassert same(1) == 1",
    "assert same(x=3) == 3",
    "assert same(*[3]) == 3",
    "assert same(1) == 1 and same(2) == 2",
    "assert 1 < same(2) < 3",
    "assert same(int) == int",
    "assert same('a') == 'a' 'b'",
    "assert same(2) == 1 + 1",
    "assert same(1024) == 2 ** 10",
    "assert same(set()) == set()",
    "assert sum(1, 2) == 102",
    "assert same(1) != 1",
    "assert same(1) == [1][0]",
    "assert unknown(1) == 1",
    "assert same(unknown) == 1",
    "same(1)",
    "assert (same(1) == 1), 'grouped'",
    "result = same(4)\nassert result == 4",
    "with contextlib_missing: pass",
]  # fmt: skip


def plainly(test: str) -> bool:
    """Return whether Python itself passes the test."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(HELPERS + "\n" + test, {"__name__": "program"})
    except Exception:
        return False
    return True


@pytest.mark.parametrize("test", ASSERTS)
def test_the_verdict_agrees_with_plain_execution(check: RunAsserts, test: str) -> None:
    verdict = check(HELPERS, test)
    assert verdict.passed == plainly(test), verdict
    assert verdict.status in ("passed", "failed", "error")


def test_an_in_place_function_may_return_what_it_got(check: RunAsserts) -> None:
    program = "def push(items):\n    items.append(1)\n    return items"
    assert check(program, "x = []\ny = push(x)\nassert x is y and x == [1]").passed


def test_tests_share_the_program_s_state(check: RunAsserts) -> None:
    program = "calls = []\ndef count():\n    calls.append(1)\n    return len(calls)"
    assert check(program, "assert count() == 1", "assert count() == 2", "n = count()\nassert n == 3").passed
    assert check(
        program, "n = count()\nassert n == 1", "assert count() == 2", "assert n == 1", "assert count() == 3"
    ).passed


def test_a_later_test_sees_the_names_of_an_earlier_one(check: RunAsserts) -> None:
    verdict = check(
        "def f(x): return x", "import math\ny = 3", "assert f(y) == 3", "assert math.isclose(f(1), 1)"
    )
    assert verdict.passed


def test_set_up_code_runs_after_the_program_and_before_the_tests(check: RunAsserts) -> None:
    program = "class Node:\n    def __init__(self, v): self.v = v\ndef f(n): return n.v"
    assert check(program, "assert f(root) == 7", setup_code="root = Node(7)").passed
    assert check(program, "assert f(root) == 7", setup_code="root = Nod(7)").error_type == "NameError"


def test_an_entry_point_may_have_a_builtin_s_name(check: RunAsserts) -> None:
    test = "def check(candidate):\n    for x in range(3):\n        assert candidate(x, 1) == 100 * x + 1\ncheck(sum)"
    assert check(HELPERS, test, entry_point="sum").passed


def test_a_judge_s_verdict_names_call_got_and_expected(check: RunAsserts) -> None:
    test = "def check(candidate):\n    for x in (1, 2):\n        assert candidate(x, [x]) == x + 1, 'off'\ncheck(f)"
    verdict = check("def f(a, b): return a + 1 if a < 2 else 0", test)
    assert (verdict.status, verdict.error_type, verdict.message) == ("failed", "AssertionError", "off")
    assert (verdict.call, verdict.got, verdict.expected) == ("f(2, [2])", "0", "3")


def test_a_judge_s_verdict_names_the_program_s_line(check: RunAsserts) -> None:
    test = "for x in (1, 0):\n    assert f(x) == 1"
    verdict = check("def f(a):\n    return 1 / a", test)
    assert (verdict.status, verdict.error_type, verdict.line, verdict.call) == (
        "error",
        "ZeroDivisionError",
        2,
        "f(0)",
    )


def test_a_loop_in_the_test_ends_with_the_time(check: RunAsserts) -> None:
    verdict = check(
        "def f():\n    while True: yield 1", "for x in f():\n    assert x == 1", limits=Limits(timeout=0.7)
    )
    assert verdict.status == "timeout"


def test_an_object_of_the_test_s_own_cannot_cross_and_the_verdict_says_so(check: RunAsserts) -> None:
    verdict = check("def f(x): return x.v", "class Box:\n    v = 1\nb = Box()\nassert f(b) == 1")
    assert verdict.status == "sandbox_error"
    assert "Box" in verdict.message


def test_a_test_that_is_not_python_is_the_sandbox_s_error(check: RunAsserts) -> None:
    assert check("def f(x): return x", "assert f(1) ==").status == "sandbox_error"
