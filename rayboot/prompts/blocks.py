"""The blocks of code in a chat model's answer, in fences as CommonMark defines them or otherwise."""

from __future__ import annotations

import ast
import html
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from doctest import DocTestParser
from functools import cache

from markdown_it import MarkdownIt

from rayboot.problems.types import Language
from rayboot.prompts.segments import code_segments
from rayboot.prompts.source import lex, parses, syntax_tree

_TAGS: dict[Language, str] = {
    "python": "python py python3 py3 python2 pycon ipython ipython3 sage pypy pypy3 cpython",
    "javascript": "javascript js node nodejs jsx mjs cjs ecmascript es6 typescript ts",
    "java": "java jav java8 java11 java17",
    "perl": "perl pl perl5",
    "go": "go golang",
    "swift": "swift swift5",
}
"""Tags of fences, by language."""
_LANGUAGES = {tag: language for language, tags in _TAGS.items() for tag in tags.split()}
_OTHER_TAGS = """
    sh bash shell zsh fish console terminal cmd bat powershell ps1 shellsession text txt plaintext plain output input
    stdout stdin stderr log result results json yaml yml toml ini xml html css csv tsv sql diff patch latex tex math
    dockerfile makefile make cmake http mermaid graphviz dot traceback error bnf ebnf regex pseudocode pseudo
    algorithm example c cpp cc cxx h hpp csharp cs rust rs ruby rb php kotlin kt scala haskell hs lua r julia matlab
    fortran pascal
"""
"""Tags of blocks that are no program in any of the languages."""
_FENCE = re.compile(r"^[ \t]*(?:> ?)*[ \t]*(`{3,}|~{3,})[ \t]*(.*)$", re.MULTILINE)
_MID_LINE_FENCE = re.compile(
    rf"[^\s`~>*+\-\"'=(][ \t]*```(?:{'|'.join(_LANGUAGES)})[ \t]*$", re.IGNORECASE | re.MULTILINE
)
_SPACES = str.maketrans(
    dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", "")
)
_PUNCTUATION = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
    | dict.fromkeys("\u2018\u2019\u2032", "'")
    | {"\u2028": "\n", "\u2013": "-", "\u2212": "-", "\u2026": "..."}
)
"""Quotes and punctuation of word processors, and their ASCII forms."""


def is_fenced(text: str) -> bool:
    """Return whether a line of the text begins a fenced block, as in a chat model's answer."""
    return _FENCE.search(text) is not None


def code_readings(text: str, language: Language) -> Iterator[tuple[bool, list[str]]]:
    """Yield a text's blocks of code, in order, as read in alternative ways; the likeliest way comes first.

    The flag is True for a reading by fences: its blocks are code even if they do not parse.
    """
    blocks = _fences(text)
    pieces = [("", piece) for piece in code_segments(_after_last_fence(text, blocks), language)]
    readings = [[*blocks, *pieces], _lenient_fences(text)]
    for reading in reversed(readings) if _MID_LINE_FENCE.search(text) else readings:
        tags = {tag for tag, _ in reading}
        ignored = {"typescript", "ts"} if tags & {"javascript", "js"} else set()
        yield (
            True,
            [code for tag, code in reading if _may_have_language(tag, language) and tag not in ignored],
        )
    widest = re.search(r"^[ \t]*(`{3,}|~{3,}).*\n(?s:(.*))^[ \t]*\1[ \t]*$", text, re.MULTILINE)
    yield False, [widest[2]] if widest else []
    tokens = _markdown().parse(text)
    bare = _FENCE.sub("```", text)
    yield False, code_segments(bare, language)
    yield False, code_segments(re.sub(r"^(?:> ?)+", "", bare, flags=re.MULTILINE), language)
    yield False, [] if _FENCE.search(text) else [text]
    yield False, [token.content for token in tokens if token.type == "code_block"]
    tag = re.compile(rf"^(?:{'|'.join(_TAGS[language].split())})\s+", re.IGNORECASE)
    children = (child for token in tokens for child in token.children or ())
    yield False, [tag.sub("", child.content) for child in children if child.type == "code_inline"]
    contents = [code for _, code in blocks]
    yield False, contents
    yield False, list(_json_strings([*contents, text]))


def before_fences(text: str) -> str:
    """Return the text before the first fence."""
    fence = _FENCE.search(text)
    return text[: fence.start()] if fence else text


def normalized(code: str, language: Language) -> str | None:
    """Return code that parses, from a block that almost does; None if no change makes it parse."""
    lines = code.strip("\n").split("\n")
    if lines[0].strip().lower() in _TAGS[language].split():  # the tag, on the line below the fence
        code = "\n".join(lines[1:])
    if language != "python":
        code = _unescape(code, language)  # no parser below would report it
    for change in _CHANGES if language == "python" else _CHANGES[:4]:
        code = change(code)
        if parses(code, language):
            return code
    return None


def _unescape(code: str, language: Language) -> str:
    """Return the code without escapes of HTML or spaces of word processors, except in strings."""
    parts = list(lex(code, language))
    if any(kind == "code" and re.search(r"&(?:lt|gt|amp|quot);", text) for kind, text in parts):
        parts = list(lex(html.unescape(code), language))
    return "".join(text.translate(_SPACES) if kind == "code" else text for kind, text in parts)


def _from_transcript(code: str) -> str:
    """Return the statements that were typed at a prompt."""
    code = re.sub(r"^In \[\d+\]: ", ">>> ", code, flags=re.MULTILINE)
    code = re.sub(r"^ *\.\.\.: ?", "... ", code, flags=re.MULTILINE)
    if not re.search(r"^\s*>>> ", code, re.MULTILINE) or syntax_tree(code):
        return code
    try:
        return "".join(example.source for example in DocTestParser().get_examples(code))
    except ValueError:
        return code


def _align_first_line(code: str) -> str:
    """Return a body whose first line has lost its indentation, with the indentation removed from the others."""
    first, _, rest = code.lstrip("\n").partition("\n")
    aligned = f"{first}\n{textwrap.dedent(rest)}"
    return code if first[:1].isspace() or syntax_tree(aligned) is None else aligned


def _without_line_numbers(code: str) -> str:
    numbered = re.search(r"^(?!\s*\d+[ .:|)])", code.strip("\n"), re.MULTILINE) is None
    return re.sub(r"^[ \t]*\d+ ?[.:|)]? ?", "", code, flags=re.MULTILINE) if numbered else code


def _without_tail(code: str) -> str:
    """Return the code without what was cut off, or is prose, at its end."""
    pieces = code_segments(code, "python")
    return pieces[0] if len(pieces) == 1 else code


_CHANGES: list[Callable[[str], str]] = [
    str,
    textwrap.dedent,
    lambda code: code.translate(_SPACES | _PUNCTUATION),
    html.unescape,
    _from_transcript,
    lambda code: re.sub(r"^>+ ?", "", code, flags=re.MULTILINE),
    _align_first_line,
    _without_line_numbers,
    lambda code: code.expandtabs(4) if syntax_tree(code.expandtabs(4)) else code.expandtabs(8),
    lambda code: code.replace(r"\_", "_") if syntax_tree(code.replace(r"\_", "_")) else code,
    lambda code: code.replace(r"\n", "\n") if "\n" not in code.strip() else code,
    _without_tail,
]


@cache
def _markdown() -> MarkdownIt:
    # A fence may directly follow a line of HTML, such as <details>.
    return MarkdownIt("commonmark", {"maxNesting": 50}).disable(["html_block", "reference"])


def _fences(text: str, depth: int = 0) -> list[tuple[str, str]]:
    """Return tag and content of each fenced block, including those within blocks of Markdown."""
    found: list[tuple[str, str]] = []
    for token in _markdown().parse(text) if _FENCE.search(text) else ():
        if token.type not in ("fence", "code_block"):
            continue
        tag = _tag(token.info)
        nested = _fences(token.content, depth + 1) if depth < 3 and tag in ("", "markdown", "md") else []
        if nested and syntax_tree(token.content) is None:
            found += nested
        elif token.type == "fence":
            found.append((tag, token.content))
    return found


def _after_last_fence(text: str, blocks: list[tuple[str, str]]) -> str:
    """Return the text after the last fence, where the last version may be without fences."""
    _, last, below = text.rpartition(blocks[-1][1] or text) if blocks else ("", "", "")
    below = below.partition("\n")[2]
    return "" if not last or is_fenced(below) else below


def _tag(info: str) -> str:
    words = re.findall(r"[a-z0-9+#]+", html.unescape(info).lower())
    return words[0] if words else ""


def _may_have_language(tag: str, language: Language) -> bool:
    return _LANGUAGES.get(tag, language) == language and tag not in _OTHER_TAGS.split()


def _lenient_fences(text: str) -> list[tuple[str, str]]:
    """Return tag and content of blocks whose fences are within a line, or indented by mistake, unlike CommonMark's."""
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in text.split("\n"):
        match = re.match(r"(.*?)(?:`{3,}|~{3,})[ \t]*([^`]*)$", line)
        if match is None:
            if inside:
                found[-1][1].append(line)
            continue
        head, rest = match[1].rstrip(), match[2].strip()
        tag, _, code = rest.partition(" ")
        is_tag = _tag(tag) in _LANGUAGES
        if inside and head.strip(" \t>"):
            found[-1][1].append(head)
        inside = not inside or is_tag
        if inside:
            found.append((_tag(tag) if is_tag or not code else "", []))
            if code and re.search(r"[(=:;{]", rest):
                found[-1][1].append(code if is_tag else rest)
    return [(tag, "\n".join(content)) for tag, content in found]


def _json_strings(candidates: list[str]) -> Iterator[str]:
    """Yield the strings in the JSON object or Python literal that a candidate is or contains."""
    for candidate in candidates:
        for parse in (ast.literal_eval, _first_json_object):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                yield from _strings(parse(candidate.strip()))
                break


def _first_json_object(text: str) -> object:
    return json.JSONDecoder(strict=False).raw_decode(text, text.index("{"))[0]


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list) and data and all(isinstance(each, str) for each in data):
        yield "\n".join(data)  # lines of a text
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _strings(each)
