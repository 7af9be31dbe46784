"""The examples in an APPS statement: which of a problem's tests are printed there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rayboot.problems.types import StdioTest

_HEADING = re.compile(r"[\s-]*(?:(?:sample|example)s?\s+)?(input|output)\s*#?\d*\s*:?[\s-]*", re.IGNORECASE)
"""A line such as `Input`, `-----Sample Input-----`, `Example Input:` or `Sample Output 2:`."""
_SECTION = re.compile(r"\s*-{3,}.*-{3,}\s*")
"""A line such as `-----Note-----`."""


def publish_examples(statement: str, tests: Sequence[StdioTest]) -> list[StdioTest]:
    """`tests`, with those public that the statement shows as examples.

    An example has to be one of the tests, white space aside: so a broken or misread example fails no right program.
    """
    shown = [(text.split(), _prefixes(output)) for text, output in _examples(statement)]
    public: set[int] = set()
    if shown:
        tokens = [(test.stdin.split(), test.stdout.split()) for test in tests]
        for stdin, outputs in shown:
            same = (n for n, (i, o) in enumerate(tokens) if i == stdin and o in outputs)
            public.update(n for n in [next(same, None)] if n is not None)
    return [test.model_copy(update={"public": n in public}) for n, test in enumerate(tests)]


def _examples(statement: str) -> Iterator[tuple[str, str]]:
    """Whatever stands below a heading of input and then below one of output; the latter with what comes after it."""
    for (kind, text), (next_kind, next_text) in pairwise(_blocks(statement)):
        if (kind, next_kind) == ("input", "output"):
            yield text, next_text


def _blocks(statement: str) -> list[tuple[str, str]]:
    """The statement cut at its headings: (`input`, `output` or another section, text below)."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for line in statement.splitlines():
        if heading := _HEADING.fullmatch(line):
            blocks.append((heading[1].lower(), []))
        elif _SECTION.fullmatch(line):
            blocks.append(("", []))
        else:
            blocks[-1][1].append(line)
    return [(kind, "\n".join(lines)) for kind, lines in blocks]


def _prefixes(output: str) -> list[list[str]]:
    """An example's output may be followed by an explanation: the tokens up to each blank line."""
    paragraphs = re.split(r"\n\s*\n", output.strip())
    return ["\n".join(paragraphs[: n + 1]).split() for n in range(len(paragraphs))]
