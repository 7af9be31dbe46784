"""The tests of an APPS row: which of them the statement shows as examples, and which examples are broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rayboot.problems.apps_calls import CallExample, shows
from rayboot.problems.apps_examples import Example, answers
from rayboot.problems.types import CallTest, StdioTest, Test


class Published(NamedTuple):
    """Tests, and what became of the examples: feedback shows those that are tests, and the others are not used."""

    tests: list[Test]
    public: int
    """Tests that are examples."""
    broken: int
    """Examples whose input is a test's, with another output."""
    unknown: int
    """Examples whose input is no test's."""


def publish(
    examples: Sequence[Example | CallExample], tests: Sequence[StdioTest] | Sequence[CallTest]
) -> Published:
    """`tests`, with those public that are examples, too.

    All tests decide, and no other example does: so a broken or misread example fails no right program.
    """
    known: list[StdioTest | CallTest] = [*tests]
    public: set[int] = set()
    broken = unknown = 0
    for example in examples:
        same_input = [n for n, test in enumerate(known) if _same_input(example, test)]
        same = [n for n in same_input if _same_output(example, known[n])]
        public.update(same[:1])
        broken += bool(same_input) and not same
        unknown += not same_input
    published: list[Test] = [test.model_copy(update={"public": n in public}) for n, test in enumerate(known)]
    return Published(published, len(public), broken, unknown)


def _same_input(example: Example | CallExample, test: StdioTest | CallTest) -> bool:
    if isinstance(test, StdioTest):
        return isinstance(example, Example) and example.input.split() == test.stdin.split()
    return isinstance(example, CallExample) and example.args == list(test.args)


def _same_output(example: Example | CallExample, test: StdioTest | CallTest) -> bool:
    if isinstance(test, StdioTest):
        return isinstance(example, Example) and test.stdout.split() in answers(example.output)
    return isinstance(example, CallExample) and shows(example, test.expected)
