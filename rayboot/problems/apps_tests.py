"""The tests of an APPS row: which are examples of the statement, and which examples are broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rayboot.problems.apps_calls import CallExample, has_result
from rayboot.problems.apps_examples import Example, possible_outputs
from rayboot.problems.types import CallTest, StdioTest, Test


class MarkedTests(NamedTuple):
    """Tests, and the number of examples by their relation to them.

    Feedback shows examples that are tests. Other examples are not used.
    """

    tests: list[Test]
    public: int
    """Tests that are examples."""
    broken: int
    """Examples with the input of a test and another output."""
    unknown: int
    """Examples whose input is not a test's."""


def mark_public(
    examples: Sequence[Example | CallExample], tests: Sequence[StdioTest] | Sequence[CallTest]
) -> MarkedTests:
    """Return `tests`, where those that are examples are public.

    The verdict depends on all tests and on no other example, so a broken or misread example fails no correct program.
    """
    listed: list[StdioTest | CallTest] = [*tests]
    public: set[int] = set()
    broken = unknown = 0
    for example in examples:
        same_input = [n for n, test in enumerate(listed) if _same_input(example, test)]
        same = [n for n in same_input if _same_output(example, listed[n])]
        public.update(same[:1])
        broken += bool(same_input) and not same
        unknown += not same_input
    marked: list[Test] = [test.model_copy(update={"public": n in public}) for n, test in enumerate(listed)]
    return MarkedTests(marked, len(public), broken, unknown)


def _same_input(example: Example | CallExample, test: StdioTest | CallTest) -> bool:
    if isinstance(test, StdioTest):
        return isinstance(example, Example) and example.input.split() == test.stdin.split()
    return isinstance(example, CallExample) and example.args == list(test.args)


def _same_output(example: Example | CallExample, test: StdioTest | CallTest) -> bool:
    if isinstance(test, StdioTest):
        return isinstance(example, Example) and test.stdout.split() in possible_outputs(example.output)
    return isinstance(example, CallExample) and has_result(example, test.expected)
