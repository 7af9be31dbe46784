"""What a model is told about its failing program, and what it must never be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayboot.problems import AssertTest, CallTest, Problem, StdioTest
from rayboot.prompts import SIMPLE, feedback_text
from rayboot.sandbox.verdict import Status, Verdict

PUBLIC = 0
HIDDEN = 1


def problem(public: object = None, hidden: object = None) -> Problem:
    return Problem(
        id="x/1",
        benchmark="mbpp",
        statement="Twice.",
        entry_point="double",
        tests=(
            hidden or AssertTest(code="assert double(3) == 6"),  # type: ignore[arg-type]
            public or AssertTest(code="assert double(2) == 4", public=True),
        ),
    )


def wrong(test: int | None, status: Status = "failed", **fields: object) -> Verdict:
    return Verdict.model_validate({"status": status, "failing_test": test, **fields})


def test_a_wrong_answer_is_told_as_call_got_and_expected() -> None:
    verdict = wrong(PUBLIC, error_type="AssertionError", call="double(2)", got="3", expected="4")
    assert feedback_text(problem(), verdict, "full") == "double(2) returned 3, expected 4."


def test_an_assert_that_is_no_comparison_is_told_as_it_stands() -> None:
    test = AssertTest(code="assert double(2), 'not zero'", public=True)
    verdict = wrong(PUBLIC, error_type="AssertionError", message="not zero")
    assert feedback_text(problem(test), verdict, "full") == "Failed: assert double(2), 'not zero' (not zero)"


def test_wrong_output_is_told_with_its_input() -> None:
    test = StdioTest(stdin="2\n", stdout="4\n", public=True)
    verdict = wrong(PUBLIC, call="2\n", got="3\n", expected="4\n")
    assert feedback_text(problem(test), verdict, "full") == "Input:\n2\nOutput:\n3\nExpected:\n4"


def test_a_call_tests_wrong_value_is_told_like_an_asserts() -> None:
    verdict = wrong(PUBLIC, call="double(2)", got="3", expected="4")
    test = CallTest(args=(2,), expected=4, public=True)
    assert feedback_text(problem(test), verdict, "full") == "double(2) returned 3, expected 4."


def test_an_error_is_told_with_type_message_line_and_call() -> None:
    verdict = wrong(PUBLIC, "error", error_type="NameError", message="no y", line=2, call="double(2)")
    assert feedback_text(problem(), verdict, "full") == "NameError: no y (line 2) in double(2)"


@pytest.mark.parametrize("status", ["syntax_error", "error"])
def test_errors_before_any_test_are_told_in_full(status: Status) -> None:
    verdict = wrong(None, status, error_type="SyntaxError", message="invalid syntax", line=3)
    assert feedback_text(problem(), verdict, "full") == "SyntaxError: invalid syntax (line 3)"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("timeout", "too long"),
        ("memory_limit", "memory"),
        ("output_limit", "prints"),
        ("crashed", "interpreter"),
    ],
)
def test_broken_limits_get_a_sentence(status: Status, word: str) -> None:
    assert word in feedback_text(problem(), wrong(PUBLIC, status), "full")


def test_simple_feedback_is_one_sentence_whatever_went_wrong() -> None:
    verdict = wrong(PUBLIC, "error", error_type="NameError", message="no y", line=2)
    assert feedback_text(problem(), verdict, "simple") == "The code above is wrong. Please fix it."


def test_long_values_lose_their_middle() -> None:
    verdict = wrong(PUBLIC, call="double(2)", got="[" + "1, " * 5000 + "2]", expected="4")
    text = feedback_text(problem(), verdict, "full")
    assert len(text) < 500
    assert text.startswith("double(2) returned [1, 1")
    assert "1, 2], expected 4." in text


STATUSES: list[Status] = [
    "failed",
    "error",
    "syntax_error",
    "timeout",
    "memory_limit",
    "output_limit",
    "crashed",
]


@given(
    status=st.sampled_from(STATUSES),
    texts=st.fixed_dictionaries(
        {name: st.text() for name in ("error_type", "message", "call", "got", "expected")}
    ),
    line=st.none() | st.integers(1, 99),
)
def test_nothing_of_a_hidden_test_is_ever_told(
    status: Status, texts: dict[str, str], line: int | None
) -> None:
    assert feedback_text(problem(), wrong(HIDDEN, status, line=line, **texts), "full") == SIMPLE
