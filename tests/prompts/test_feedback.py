"""Feedback on failing programs, and what it must not reveal."""

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


def test_feedback_on_a_wrong_answer_has_call_result_and_expected_value() -> None:
    verdict = wrong(PUBLIC, error_type="AssertionError", call="double(2)", got="3", expected="4")
    assert feedback_text(problem(), verdict, "full") == "double(2) returned 3, expected 4."


def test_an_assert_without_a_comparison_is_quoted() -> None:
    test = AssertTest(code="assert double(2), 'not zero'", public=True)
    verdict = wrong(PUBLIC, error_type="AssertionError", message="not zero")
    assert feedback_text(problem(test), verdict, "full") == "Failed: assert double(2), 'not zero' (not zero)"


def test_feedback_on_wrong_output_has_its_input() -> None:
    test = StdioTest(stdin="2\n", stdout="4\n", public=True)
    verdict = wrong(PUBLIC, call="2\n", got="3\n", expected="4\n")
    assert feedback_text(problem(test), verdict, "full") == "Input:\n2\nOutput:\n3\nExpected:\n4"


def test_feedback_on_a_call_test_is_that_on_an_assert() -> None:
    verdict = wrong(PUBLIC, call="double(2)", got="3", expected="4")
    test = CallTest(args=(2,), expected=4, public=True)
    assert feedback_text(problem(test), verdict, "full") == "double(2) returned 3, expected 4."


def test_feedback_on_an_error_has_type_message_line_and_call() -> None:
    verdict = wrong(PUBLIC, "error", error_type="NameError", message="no y", line=2, call="double(2)")
    assert feedback_text(problem(), verdict, "full") == "NameError: no y (line 2) in double(2)"


@pytest.mark.parametrize("status", ["syntax_error", "error"])
def test_errors_before_any_test_are_shown_in_full(status: Status) -> None:
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
def test_feedback_on_an_exceeded_limit_is_a_sentence(status: Status, word: str) -> None:
    assert word in feedback_text(problem(), wrong(PUBLIC, status), "full")


def test_simple_feedback_is_the_same_sentence_for_every_failure() -> None:
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
def test_feedback_reveals_nothing_of_a_hidden_test(
    status: Status, texts: dict[str, str], line: int | None
) -> None:
    assert feedback_text(problem(), wrong(HIDDEN, status, line=line, **texts), "full") == SIMPLE
