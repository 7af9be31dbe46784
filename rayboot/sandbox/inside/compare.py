"""Comparison of answers with expected values, out of the program's reach, with genuine builtins on plain data."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .asserts import Question

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""Numbers as programs print them. Python accepts more, such as `1_0` and digits of other scripts."""
_RELATIVE, _ABSOLUTE = 1e-5, 1e-8
"""Tolerance of numpy.allclose, which APPS' official harness uses for printed numbers."""

OPERATORS: dict[str, Callable[[Any, Any], object]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Is": operator.is_,
    "IsNot": operator.is_not,
    "In": lambda left, right: left in right,
    "NotIn": lambda left, right: left not in right,
}


def answers(question: Question, value: Any) -> bool:
    """Return whether a value makes the assert true, by Python's own rules. Raise what the comparison raises."""
    if question.form == "truth":
        return bool(value) is question.operand
    if question.form == "near":
        value = abs(value - question.centre)
    return bool(OPERATORS[question.op](value, question.operand))


def same_result(value: object, expected: object) -> bool:
    """Compare by APPS' rule for call-based problems: tuples are lists, and the expected value may be in a list of one.

    If the expected number is a float, the value may differ as much as a printed number may, and both may be NaN.
    """
    value = _tuples_to_lists(value)
    expected = _tuples_to_lists(expected)
    if _close(value, expected):
        return True
    return isinstance(expected, list) and len(expected) == 1 and _close(value, expected[0])


def with_whole_keys(argument: object) -> object:
    """Convert keys by APPS' rule for arguments: JSON has only string keys, so keys that are all integers were ints."""
    if isinstance(argument, dict) and all(re.fullmatch(r"-?\d{1,18}", key) for key in argument):
        return {int(key): value for key, value in argument.items()}
    return argument


def _close(value: Any, expected: object) -> bool:
    if isinstance(expected, list):
        same_length = isinstance(value, list) and len(value) == len(expected)
        return same_length and all(map(_close, value, expected))
    if isinstance(expected, dict):
        same_keys = isinstance(value, dict) and value.keys() == expected.keys()
        return same_keys and all(_close(value[key], expected[key]) for key in expected)
    if type(expected) is float and (type(value) is int or type(value) is float):
        both_nan = expected != expected and value != value
        return both_nan or value == expected or _near(value, expected)
    return bool(value == expected)


def _near(value: float, expected: float) -> bool:
    try:
        return math.isfinite(expected) and abs(value - expected) <= _ABSOLUTE + _RELATIVE * abs(expected)
    except OverflowError:  # an integer beyond the range of floats
        return False


def _tuples_to_lists(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_tuples_to_lists(item) for item in value]
    if isinstance(value, dict):
        # JSON has only string keys.
        return {str(key): _tuples_to_lists(item) for key, item in value.items()}
    return value


def same_output(got: str, expected: str) -> bool:
    """Return whether two printed texts are equal token by token: white space and line ends do not count.

    Two numbers are also equal if their values are (`2.0` and `2`). If the expected one is written with a point or an
    exponent, they may differ by the tolerance of numpy.allclose (relative 1e-5, absolute 1e-8).
    """
    ours, theirs = got.split(), expected.split()
    if ours == theirs:
        return True
    return len(ours) == len(theirs) and all(map(_same_token, ours, theirs))


def _same_token(got: str, expected: str) -> bool:
    if got == expected:
        return True
    if not (_NUMBER.fullmatch(got) and _NUMBER.fullmatch(expected)):
        return False
    try:
        if any(mark in expected for mark in ".eE"):
            return _near(float(got), float(expected))
        return any(mark in got for mark in ".eE") and bool(Decimal(got) == Decimal(expected))
    except ArithmeticError:
        return False
