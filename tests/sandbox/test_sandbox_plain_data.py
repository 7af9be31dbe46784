"""Plain data crosses unchanged, and tests are taken apart without revealing their expected values."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayboot.sandbox.inside.asserts import analyse
from rayboot.sandbox.inside.compare import same_output
from rayboot.sandbox.inside.values import (
    MAX_DEPTH,
    Opaque,
    base_type,
    base_value,
    decode,
    encode,
    opaque,
    shorten,
)

numbers = st.integers() | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False) | st.fractions()
texts = st.text() | st.binary()
scalars = (
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.timedeltas()
    | st.just(range(1, 9, 2))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(scalars, inner)
        | st.sets(scalars)
        | st.frozensets(scalars)
    ),
    max_leaves=20,
)


def typed(value: Any) -> Any:
    """Return a value together with the types of all its parts."""
    if isinstance(value, list | tuple):
        return type(value), [typed(item) for item in value]
    if isinstance(value, dict):
        return dict, [(typed(key), typed(item)) for key, item in value.items()]
    return type(value), value


@given(values)
def test_plain_data_crosses_unchanged(value: Any) -> None:
    assert typed(decode(json.loads(json.dumps(encode(value, opaque))))) == typed(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(
            st.sampled_from(["l", "t", "d", "s", "f", "c", "i", "r", "D", "F", "T", "x", "z"]) | inner
        ),
    )
)
def test_reading_anything_gives_a_value_or_a_value_error(data: Any) -> None:
    with contextlib.suppress(ValueError):
        decode(data)


def test_subclasses_are_what_they_are_built_on_whatever_their_methods_say() -> None:
    class Text(str):
        pass

    class Items(list[int]):
        def __iter__(self) -> Any:
            return iter([9])

    for value, plain in ((Text("a"), "a"), (Items([1]), [1])):
        base = base_type(type(value))
        assert base is type(plain)
        assert typed(base_value(value, base)) == typed(plain)


def test_other_values_are_opaque_and_equal_to_nothing() -> None:
    value = decode(encode([object(), iter([])], opaque))
    assert all(isinstance(item, Opaque) for item in value)
    assert value[0] != value[1]
    assert repr(value[0]) == "<object object>"
    assert bool(decode(encode(object(), opaque))) is True


def test_a_list_that_holds_itself_does_so_again_and_a_deep_one_is_cut() -> None:
    items: list[Any] = []
    items.append((items, {1: items}))
    again = decode(json.loads(json.dumps(encode(items, opaque))))
    assert again[0][0] is again
    assert again[0][1][1] is again
    deep: Any = []
    for _ in range(MAX_DEPTH * 2):
        deep = [deep]
    assert encode(deep, opaque)


def test_a_value_whose_repr_raises_is_shown_by_its_type() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError

    assert repr(decode(encode(Bad(), opaque))) == "<Bad: its repr raises RuntimeError>"


@given(st.text(max_size=500), st.integers(20, 200))
def test_shortening_keeps_within_the_limit(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit


@pytest.mark.parametrize(
    ("test", "asked"),
    [
        ("assert f(1) == 2", ["f(1)"]),
        ("assert (f(1)) == 2, 'no'", ["f(1)"]),
        ("assert 2 == f(1)", ["f(1)"]),
        ("assert f(1) == 1,2", ["f(1)"]),
        ("assert f(g(3), x) == 2", ["f(g(3), x)"]),
        ("assert sorted(f(1)) == [2]", ["sorted(f(1))"]),
        ("assert sorted(f(1), reverse=True) == [2]", ["sorted(f(1), reverse=True)"]),
        ("assert abs(f(1) - 1.5) < 1e-6", ["f(1)"]),
        ("assert not f(1)", ["f(1)"]),
        ("assert f(1) == 2\nassert f(2) == 3", ["f(1)", "f(2)"]),
        ("def check(candidate):\n    assert candidate(1) == 2\n    assert True, 'ok'\ncheck(f)", ["f(1)"]),
    ],
)
def test_a_simple_test_is_taken_apart(test: str, asked: list[str]) -> None:
    questions = analyse(test, "f").questions
    assert questions is not None
    assert [question.source for question in questions] == asked


@pytest.mark.parametrize(
    "test",
    [
        "assert abs(f(1) - 1.5 + 0) < 1e-6",
        "assert math.isclose(f(1), 1.5)",
        "assert isclose(f(1), 1.5)",
        "assert f(1) - 2 == 0",
        "assert (f(1) == 2) == True",
        "assert f(1) == 2 and f(2) == 3",
        "assert [f(1), 2] == [2, 2]",
        "assert max(f(1), 5) == 5 or True",
        "assert max(f(1), 10) == 10",
        "assert max(f(1), default=10) == 10",
        "assert sum(f(1), 10) == 10",
        "assert round(f(1), 2) == 2",
        "assert dict(f(1), a=3) == {'a': 3}",
        "assert f(1) == g(1)",
        "assert 1 <= f(1) <= 2",
        "for i in range(2): assert f(i) == i",
        "x = f(1)\nassert x == 2",
        "import math\nassert f(math.pi) == 2",
        "def f(x): return 2\nassert f(1) == 2",
        "assert f(1) == y",
    ],
)
def test_a_test_whose_question_would_tell_too_much_goes_to_a_judge(test: str) -> None:
    assert analyse(test, "f").questions is None


def test_decimals_and_fractions_compare_with_numbers() -> None:
    assert decode(encode(Decimal("1.5"), opaque)) == 1.5
    assert decode(encode(Fraction(1, 2), opaque)) == 0.5


@given(st.lists(st.integers(), min_size=1))
def test_printed_numbers_equal_themselves_in_any_white_space(numbers: list[int]) -> None:
    assert same_output(" ".join(map(str, numbers)), "\n".join(map(str, numbers)) + "\n")
