"""Feedback for a model on its failing program (Dr. Boot, arXiv 2507.15889, section on feedback)."""

from __future__ import annotations

from typing import Literal

from rayboot.problems import AssertTest, Problem, ScriptTest, StdioTest
from rayboot.prompts.templates import show_test
from rayboot.sandbox.verdict import Verdict

FeedbackMode = Literal["simple", "full"]

SIMPLE = "The code above is wrong. Please fix it."
SENTENCES = {
    "timeout": "The code above runs too long. Please make it faster.",
    "memory_limit": "The code above uses too much memory.",
    "output_limit": "The code above prints too much.",
    "crashed": "The code above ends the interpreter before it gives an answer.",
}
MAX_CHARS = 300
"""Maximum characters of a message, a call or a value in feedback; longer ones lose their middle."""


def feedback_text(problem: Problem, verdict: Verdict, mode: FeedbackMode) -> str:
    """Return the feedback on a failing program.

    If it fails on a hidden test, the feedback says only that it is wrong, in either mode: the message of an error, and
    even a time-out, would reveal something of the hidden input. Errors before any test are included.
    """
    hidden = verdict.failing_test is not None and not problem.tests[verdict.failing_test].public
    if mode == "simple" or hidden:
        return SIMPLE
    if verdict.status in SENTENCES:
        return SENTENCES[verdict.status]
    if verdict.status in ("error", "syntax_error"):
        return _error(verdict)
    if verdict.status == "failed":
        return _wrong_answer(problem, verdict)
    return SIMPLE


def _error(verdict: Verdict) -> str:
    text = ": ".join(filter(None, (verdict.error_type, cut_middle(verdict.message, MAX_CHARS))))
    line = f" (line {verdict.line})" if verdict.line is not None else ""
    is_source = verdict.call.endswith(")") and "\n" not in verdict.call  # and not lines of standard input
    call = f" in {cut_middle(verdict.call, MAX_CHARS)}" if is_source else ""
    return f"{text}{line}{call}" if text else SIMPLE


def _wrong_answer(problem: Problem, verdict: Verdict) -> str:
    if verdict.failing_test is None:
        return _error(verdict)
    test = problem.tests[verdict.failing_test]
    call, got, expected = (
        cut_middle(text, MAX_CHARS) for text in (verdict.call, verdict.got, verdict.expected)
    )
    if isinstance(test, StdioTest):
        return f"Input:\n{call.rstrip()}\nOutput:\n{got.rstrip()}\nExpected:\n{expected.rstrip()}"
    if call and got and expected:
        return f"{call} returned {got}, expected {expected}."
    if isinstance(test, AssertTest | ScriptTest):
        message = f" ({cut_middle(verdict.message, MAX_CHARS)})" if verdict.message else ""
        return f"Failed: {cut_middle(show_test(problem, test), MAX_CHARS)}{message}"
    return _error(verdict)


def cut_middle(text: str, size: int) -> str:
    """Return `text` in at most `size` characters: a longer one loses its middle, which `...` replaces."""
    if len(text) <= size:
        return text
    if size <= 3:
        return text[:size]
    head = (size - 3 + 1) // 2
    tail = size - 3 - head
    return text[:head] + "..." + text[len(text) - tail :]
