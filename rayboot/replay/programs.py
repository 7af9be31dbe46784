"""When two programs count as the same."""

from __future__ import annotations

import io
import re
import tokenize

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Literal

from rayboot.problems.types import Language

WHOLE_LINES = {"javascript": "//", "perl": "#"}
"""Languages in which only a parser tells a comment from a part of a regular expression, with what begins a comment:
those that have a line to themselves are left out, others are kept."""
_SEVERAL_LINES = re.compile(r"<<|\bq[qwrx]?\b|^=|^__(END|DATA)__", re.MULTILINE)
"""Perl that may hold text of several lines, in which nothing is a comment."""


def normalised(program: str, language: Language) -> str:
    """A program without comments and with uniform layout: equal for programs that differ in nothing else.

    Where these cannot be told from the program for sure, they are kept: rather is a program learned twice than another
    one left out.
    """
    return _python(program) if language == "python" else _by_lines(program, language)


def _python(program: str) -> str:
    lines = io.StringIO(program.rstrip() + "\n")
    try:
        tokens = list(tokenize.generate_tokens(lines.readline))
    except (tokenize.TokenError, SyntaxError):  # a completion that is a part of a program
        return program.rstrip()
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    layout = {tokenize.INDENT: "<indent>", tokenize.DEDENT: "<dedent>"}
    return " ".join(layout.get(token.type, token.string) for token in tokens if token.type not in skipped)


def _by_lines(program: str, language: Language) -> str:
    """Without comments, blank lines and white space at the ends of lines; line breaks mean something in some."""
    text = "\n".join(program.splitlines()) + "\n"  # some lexers end a comment by the line's end alone
    if language == "perl" and _SEVERAL_LINES.search(text):
        return text.rstrip()
    kept, line = "", WHOLE_LINES.get(language)
    for kind, value in get_lexer_by_name(language, ensurenl=False, stripnl=False).get_tokens(text):
        if kind in Comment and (line is None or _alone(kept, value, line)):
            kept += " " + "\n" * value.count("\n")
        elif "\n" in value and (value.strip() or kind in Literal):
            return text.rstrip()  # a text of several lines, in which layout counts
        else:
            kept += value
    return "\n".join(stripped for each in kept.split("\n") if (stripped := each.strip()))


def _alone(before: str, comment: str, sign: str) -> bool:
    """Whether a comment of one line has its line to itself."""
    return comment.startswith(sign) and not before.rpartition("\n")[2].strip()
