"""When two programs count as the same."""

from __future__ import annotations

import io
import tokenize


def normalised(program: str) -> str:
    """A program without comments and with uniform spacing: equal for programs that differ in nothing else."""
    lines = io.StringIO(program.rstrip() + "\n")
    try:
        tokens = list(tokenize.generate_tokens(lines.readline))
    except (
        tokenize.TokenError,
        SyntaxError,
    ):  # another language, or a completion that is a part of a program
        return " ".join(program.split())
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    layout = {tokenize.INDENT: "<indent>", tokenize.DEDENT: "<dedent>"}
    return " ".join(layout.get(token.type, token.string) for token in tokens if token.type not in skipped)
