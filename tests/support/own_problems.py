"""Problems of multiplication by a number, with right and wrong programs."""

from __future__ import annotations

from rayboot.problems import AssertTest, Problem

RIGHT = "def f(x):\n    return {n} * x"
WRONG = "def f(x):\n    return x - {n}"


def make_problem(number: int) -> Problem:
    return Problem(
        id=f"own/{number}",
        benchmark="own",
        statement=f"Write a function f to multiply by {number}.",
        entry_point="f",
        tests=(
            AssertTest(code=f"assert f(2) == {2 * number}", public=True),
            AssertTest(code=f"assert f(3) == {3 * number}"),
        ),
        references=(RIGHT.format(n=number),),
    )
