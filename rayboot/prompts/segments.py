"""Segments of code in prose: what parses in Python, lines that look like code in other languages."""

from __future__ import annotations

import re
import textwrap

from rayboot.problems.types import Language
from rayboot.prompts.source import (
    CLOSING,
    OPENING,
    bound_names,
    brackets,
    may_be_prose,
    missing_brackets,
    parses,
    syntax_tree,
)

_CODE_LINE = re.compile(
    r"\s|[})\]@]|//|/\*|\*/|#|[$@%]\w|[\w.$\[\]\"']+(?: ?\(.*\)|\s*[:+\-*/%]?=\s.*)\s*(?:(?://|#).*)?$"
    r"|(?:import|package|use|sub|class|struct|enum|record|interface)\s+[\w.:\"/*]+;?$"
    r"|(?:import|use|func|function|sub|class|struct|public|private|protected|static|final|abstract|export|async|const|let|"
    r"var|my|our|type|enum|record|interface)\s.*\W|.*[{};]\s*(?:(?://|#).*)?$"
)
"""A line outside all brackets that is code, in languages with braces."""
_UNFINISHED = re.compile(r"@|.*(?:\"\"\"|''')|[^\n]*[\\([{,]\s*(?:#.*)?$", re.DOTALL | re.MULTILINE)
_CONTINUATION = re.compile(r"(?:else|elif|except|finally)\b.*:|[)\]}]")
_LABELLED = re.compile(r"^[\w *]{1,30}: +(?=(?:async )?(?:def|class) \w+[(:])", re.MULTILINE)
_MAX_CHUNKS = 30
"""Maximum number of unindented chunks in one Python statement."""


def code_segments(text: str, language: Language) -> list[str]:
    """Return the segments of code in prose, in order; none if prose and broken code cannot be distinguished."""
    return _python_segments(text) if language == "python" else _braced_segments(text, language)


def _python_segments(text: str) -> list[str]:
    chunks: list[str] = []
    for line in _LABELLED.sub("", text).split("\n"):
        if chunks and (not line.strip() or line[0].isspace() or _CONTINUATION.match(line)):
            chunks[-1] += "\n" + line
        else:
            chunks.append(line)
    segments: list[list[str]] = [[]]
    broken: set[str] = set()
    index = 0
    while index < len(chunks):
        end = _statement_end(chunks, index)
        code = "\n".join(chunks[index:end])
        tree = syntax_tree(code)
        if tree is not None and not (tree.body and all(map(may_be_prose, tree.body))):
            segments[-1].append(code)
        else:
            prose, _, below = code.partition("\n")  # code may be indented below a line of prose
            below = textwrap.dedent(below)
            if syntax_tree(prose.strip()) is None and parses(below, "python"):
                segments.append([below])
            segments.append([])
            if end < len(chunks) and (match := re.match(r"(?:async\s+)?(?:def|class)\s+(\w+)\s*[(:]", code)):
                broken.add(match[1])
        index = end
    pieces = ["\n".join(segment).strip("\n") for segment in segments]
    pieces = [piece for piece in pieces if parses(piece, "python")]
    return [] if broken.difference(*(bound_names(piece, "python") for piece in pieces)) else pieces


def _statement_end(chunks: list[str], index: int) -> int:
    """Return where the statement ends that begins with a chunk: a string or a bracket may span chunks."""
    if syntax_tree(chunks[index]) is None and _UNFINISHED.match(chunks[index]):
        for end in range(index + 2, min(index + _MAX_CHUNKS, len(chunks)) + 1):
            if syntax_tree("\n".join(chunks[index:end])) is not None:
                return end
    return index + 1


def _braced_segments(text: str, language: Language) -> list[str]:
    segments: list[list[str]] = [[]]
    depth, in_comment = 0, False
    for line in text.split("\n"):
        in_comment = (in_comment or line.lstrip().startswith("/*")) and "*/" not in line
        if in_comment:
            segments[-1].append(line)
        elif depth > 0 or not line.strip() or _CODE_LINE.match(line):
            segments[-1].append(line)
            found = list(brackets(line, language))  # a string over lines is an error in each
            depth += sum(each in OPENING for each in found) - sum(each in CLOSING for each in found)
            depth = max(0, depth)
        else:
            segments.append([])
    pieces = ["\n".join(segment).strip("\n") for segment in segments]
    return [piece for piece in pieces if piece.strip() and missing_brackets(piece, language) is not None]
