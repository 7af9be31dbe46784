"""What counts as the same: programs up to comments and layout, and statements of problems that share words."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Literal

from rayboot.problems import Problem
from rayboot.problems.types import Language

WHOLE_LINES = {"javascript": "//", "perl": "#"}
"""Start of a comment in languages where only a parser can distinguish a comment from a regular expression.

In these, only comments on a line of their own are removed."""
_MULTILINE_TEXT = re.compile(r"<<|\bq[qwrx]?\b|^=|^__(END|DATA)__", re.MULTILINE)
"""Perl syntax that may begin a text over more than one line, within which nothing is a comment."""
_WORD = re.compile(r"\w+")


def normalised(program: str, language: Language) -> str:
    """Return a program without comments and with uniform layout, for comparison with other programs.

    Comments and layout are kept wherever they might be part of the program: it is better to learn a program twice than
    to drop a different one as a duplicate.
    """
    return _python(program) if language == "python" else _by_lines(program, language)


def _python(program: str) -> str:
    lines = io.StringIO(program.rstrip() + "\n")
    try:
        tokens = list(tokenize.generate_tokens(lines.readline))
    except (tokenize.TokenError, SyntaxError):  # an incomplete program
        return program.rstrip()
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    layout = {tokenize.INDENT: "<indent>", tokenize.DEDENT: "<dedent>"}
    return " ".join(layout.get(token.type, token.string) for token in tokens if token.type not in skipped)


def _by_lines(program: str, language: Language) -> str:
    """Return the program without comments, blank lines and white space at the ends of lines.

    Line breaks are kept: they are significant in some languages.
    """
    text = "\n".join(program.splitlines()) + "\n"  # some lexers end a comment only at a newline
    if language == "perl" and _MULTILINE_TEXT.search(text):
        return text.rstrip()
    kept, marker = "", WHOLE_LINES.get(language)
    for kind, value in get_lexer_by_name(language, ensurenl=False, stripnl=False).get_tokens(text):
        is_comment = kind in Comment and (
            marker is None or (value.startswith(marker) and not kept.rpartition("\n")[2].strip())
        )
        if is_comment:
            kept += " " + "\n" * value.count("\n")
        elif "\n" in value and (value.strip() or kind in Literal):
            return text.rstrip()  # layout is significant in a text over more than one line
        else:
            kept += value
    return "\n".join(stripped for line in kept.split("\n") if (stripped := line.strip()))


def contaminated(training: Iterable[Problem], measured: Iterable[Problem], words: int) -> frozenset[str]:
    """Return the ids of the training problems whose statement shares an n-gram with a validation or test problem's.

    An n-gram has N `words`, regardless of case and punctuation. A shorter statement is one n-gram.
    """
    measured_grams = {gram for problem in measured for gram in _grams(problem.statement, words)}
    return frozenset(
        problem.id for problem in training if not measured_grams.isdisjoint(_grams(problem.statement, words))
    )


def _grams(text: str, words: int) -> set[tuple[str, ...]]:
    tokens = _WORD.findall(text.casefold())
    if not tokens:  # a statement without words resembles no other
        return set()
    return {tuple(tokens[start : start + words]) for start in range(max(1, len(tokens) - words + 1))}
