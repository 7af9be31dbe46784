"""Programs that use numpy, in a sandbox that preloads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rayboot.errors import UserError
from rayboot.problems import AssertTest, CallTest, StdioTest
from rayboot.sandbox.sandbox import Sandbox
from rayboot.sandbox.verdict import Verdict

pytest.importorskip("numpy")

PROGRAM = """
import numpy as np
def double(x): return 2 * np.asarray(x)
def total(x): return np.asarray(x).sum()
def half(x): return np.float64(x) / 2
def is_even(x): return np.int64(x) % 2 == 0
def fill(x, value): x[:] = value
def flatten(x): x.shape = (x.size,)
def grow(x): x.resize((3, 2), refcheck=False); x[2] = 5
def names(): return np.array(["a", "bc"])
def objects(): return np.array([{}, object()])
"""


@pytest.fixture(scope="module")
def with_numpy() -> Iterator[Sandbox]:
    with Sandbox(preload=("numpy",)) as sandbox:
        if sandbox.tier == "C":
            pytest.skip("needs tier A or B")
        yield sandbox


@pytest.fixture
def check(with_numpy: Sandbox) -> object:
    return lambda *asserts: with_numpy.run(PROGRAM, [AssertTest(code=code) for code in asserts])


COMPARED = (
    "assert total([1, 2]) == 3",
    "assert half(3) == 1.5",
    "assert abs(half(3) - 1.4) < 0.2",
    "assert is_even(2)",
    "assert not is_even(3)",
    "assert double([1, 2]).tolist() == [2, 4]",
    "assert list(double([1, 2])) == [2, 4]",
    "assert double([[1], [2]]).shape == (2, 1)",
    "assert double([1]) == 2",
    "assert double(4) == 8",
)
JUDGED = (
    "import numpy as np\nassert np.array_equal(double([1, 2]), np.array([2, 4]))",
    "import numpy as np\nassert (double(np.eye(2)) == 2 * np.eye(2)).all()",
    "assert np.allclose(double([0.1, np.nan]), [0.2, np.nan], equal_nan=True)",
    "import numpy\nnumpy.testing.assert_allclose(half(1), 0.5)",
    "x = total([1.5])\nassert isinstance(x, np.float64) and x.dtype == 'float64'",
    "import numpy as np\nx = double(np.arange(6, dtype=np.int8).reshape(2, 3))\nassert x.dtype == 'int8'",
    "import numpy as np\nassert double(np.zeros((2, 0, 3))).shape == (2, 0, 3)",
    "import numpy as np\nx = np.zeros((2, 2))\nfill(x, 7)\nassert (x == 7).all()",
    "import numpy as np\nx = np.arange(4).reshape(2, 2).copy()\nflatten(x)\nassert x.tolist() == [0, 1, 2, 3]",
    "import numpy as np\nx = np.ones((2, 2))\ngrow(x)\nassert x.tolist() == [[1, 1], [1, 1], [5, 5]]",
    "for x in names(): assert x in ('a', 'bc')",
    "import numpy as np\nassert np.array_equal(double(np.array([1 + 2j])), [2 + 4j])",
)


@pytest.mark.parametrize("code", [*COMPARED, *JUDGED])
def test_right_answers_pass(check: object, code: str) -> None:
    verdict: Verdict = check(code)  # type: ignore[operator]
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    "code",
    [
        "assert total([1, 2]) == 4",
        "assert double([1, 2]).tolist() == [2, 5]",
        "import numpy as np\nassert np.array_equal(double([1, 2]), np.array([2, 5]))",
        "import numpy as np\nassert (objects() == objects()).all() and False",
        "assert objects() == 0",
    ],
)
def test_wrong_answers_fail(check: object, code: str) -> None:
    verdict: Verdict = check(code)  # type: ignore[operator]
    assert verdict.status in ("failed", "error"), verdict


@pytest.mark.parametrize(
    "code", ["assert double([1, 2]) == [2, 4]", "x = double([1, 2])\nassert x == [2, 4]"]
)
def test_a_comparison_that_numpy_finds_ambiguous_is_an_error_in_both_ways_of_judging(
    check: object, code: str
) -> None:
    verdict: Verdict = check(code)  # type: ignore[operator]
    assert (verdict.status, verdict.error_type) == ("error", "ValueError")
    assert "ambiguous" in verdict.message


def test_an_array_is_shown_as_one(check: object) -> None:
    verdict: Verdict = check("assert double([[1, 2]]) is None")  # type: ignore[operator]
    assert (verdict.status, verdict.got) == ("failed", "array([[2, 4]])")


def test_printing_and_call_tests_work(with_numpy: Sandbox) -> None:
    program = "import numpy as np\nprint(np.mean([int(x) for x in input().split()]))"
    assert with_numpy.run(program, [StdioTest(stdin="1 2", stdout="1.5")]).passed
    assert with_numpy.run(PROGRAM, [CallTest(args=([1, 2],), expected=3)], entry_point="total").passed


def test_only_what_was_asked_for_can_be_imported(with_numpy: Sandbox, sandbox: Sandbox) -> None:
    test = AssertTest(code="assert f(1) == 1")
    assert with_numpy.run("import numpy.polynomial\ndef f(x): return x", [test]).passed
    assert with_numpy.run("import pydantic", [test]).error_type == "ModuleNotFoundError"
    assert sandbox.run("import numpy", [test]).error_type == "ModuleNotFoundError"


def test_a_module_that_is_not_installed_is_named() -> None:
    with pytest.raises(UserError, match="preload: nampy cannot be imported by"):
        Sandbox(preload=("nampy",))
