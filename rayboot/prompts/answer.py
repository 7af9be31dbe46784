"""The code in a chat model's answer: without reasoning and special tokens, in fences as CommonMark defines them."""

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
from itertools import groupby

from markdown_it import MarkdownIt

from rayboot.problems.types import Language
from rayboot.prompts.source import code_segments, lex, parses, syntax_tree

_REASONING_TAGS = (
    r"(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|rationale|(?:inner|internal)_monologue|"
    r"\w+[:_]think(?:ing)?)"
)
_NOT_QUOTED = r"(?<![\"'\\])(?<!(?<!`)`)"
_REASONING_END = (
    rf"</{_REASONING_TAGS}>|\[/(?:THINK|THINKING|REASONING)\]|\u25c1/think\u25b7"
    r"|<\|(?:end_of_thought|END_THINKING)\|>"
)
_REASONING = re.compile(
    rf"{_NOT_QUOTED}(?:"
    rf"(?:<{_REASONING_TAGS}>|\[(?:THINK|THINKING|REASONING)\]|\u25c1think\u25b7|<\|(?:begin_of_thought|START_THINKING)\|>)"
    rf"(?s:.*?)(?:{_REASONING_END}|\Z)"
    r"|<\|channel\|>(?:analysis|commentary)\b[^<\n]*(?:<\|constrain\|>\w*)?<\|message\|>(?s:.*?)"
    r"(?:<\|(?:end|return|call)\|>|(?=<\|(?:channel|start)\|>)|\Z)"
    r"|<\|channel>thought(?s:.*?)(?:<channel\|>|\Z)|<unused94>(?s:.*?)(?:<unused95>|\Z)"
    r"|<\|inner_prefix\|>(?s:.*?)(?:<\|inner_suffix\|>|\Z))"
)
"""Reasoning of models before their answer, in their own marks, closed or not."""
_UNQUOTED_REASONING_END = re.compile(rf"{_NOT_QUOTED}(?:{_REASONING_END})")
_SPECIAL_TOKENS = re.compile(
    rf"{_NOT_QUOTED}(?:<\|[^|<>\n]{{1,40}}\|>|<\uff5c[^\uff5c<>\n]{{1,40}}\uff5c>|</?s>(?=\s|$)|<\|[a-z_]+>|<[a-z_]+\|>|"
    r"<(?:bos|eos|pad|unk|eod|eot|EOT|EOD|endoftext|end_of_text|start_of_turn|end_of_turn|end_of_utterance)>|"
    r"</?(?:fim_\w+|file_sep|jupyter_\w+)>|\[/?INST\]|<</?SYS>>|\[\|[a-z]+\|\])|^\[(?:BEGIN|DONE)\]"
    r"|^### ?(?:Instruction|Response|User|Human|Assistant):|^(?:Human|User|USER|Assistant|ASSISTANT): ",
    re.MULTILINE,
)
"""Special tokens of common models as text, and headers of turns that some models invent."""
_WRAPPER_TAGS = (
    r"code|answer|final_answer|solution|response|output|result|program|script|execute|pre|implementation|"
    r"python|javascript|java|perl|go|swift|PYTHON|JAVASCRIPT|JAVA|PERL|GO|SWIFT|CODE|ANSWER|SOLUTION|TESTS?|RESPONSE"
)
_WRAPPER = re.compile(
    rf"^[ \t]*(?:(?:<(?:{_WRAPPER_TAGS})(?: [^<>\n]*)?>)+|\[(?:{_WRAPPER_TAGS})\])[ \t]*"
    rf"|(?:(?:</(?:{_WRAPPER_TAGS})>)+|\[/(?:{_WRAPPER_TAGS})\])(?=[ \t]*$)"
    r"|^[ \t]*\\(?:begin|end)\{(?:lstlisting|verbatim|minted|code|python)\}(?:\[[^\]\n]*\]|\{\w+\})*[ \t]*$",
    re.MULTILINE,
)
"""Tags that some models put around their code."""
_ALIASES: dict[Language, tuple[str, ...]] = {
    "python": (
        "py",
        "python3",
        "py3",
        "python2",
        "pycon",
        "ipython",
        "ipython3",
        "sage",
        "pypy",
        "pypy3",
        "cpython",
    ),
    "javascript": ("js", "node", "nodejs", "jsx", "mjs", "cjs", "ecmascript", "es6", "typescript", "ts"),
    "java": ("jav", "java8", "java11", "java17"),
    "perl": ("pl", "perl5"),
    "go": ("golang",),
    "swift": ("swift5",),
}
_OTHER_TAGS = frozenset(
    [
        "sh",
        "bash",
        "shell",
        "zsh",
        "fish",
        "console",
        "terminal",
        "cmd",
        "bat",
        "powershell",
        "ps1",
        "shellsession",
        "text",
        "txt",
        "plaintext",
        "plain",
        "output",
        "input",
        "stdout",
        "stdin",
        "stderr",
        "log",
        "result",
        "results",
        "json",
        "yaml",
        "yml",
        "toml",
        "ini",
        "xml",
        "html",
        "css",
        "csv",
        "tsv",
        "sql",
        "diff",
        "patch",
        "latex",
        "tex",
        "math",
        "dockerfile",
        "makefile",
        "make",
        "cmake",
        "http",
        "mermaid",
        "graphviz",
        "dot",
        "traceback",
        "error",
        "bnf",
        "ebnf",
        "regex",
        "pseudocode",
        "pseudo",
        "algorithm",
        "example",
        "c",
        "cpp",
        "cc",
        "cxx",
        "h",
        "hpp",
        "csharp",
        "cs",
        "rust",
        "rs",
        "ruby",
        "rb",
        "php",
        "kotlin",
        "kt",
        "scala",
        "haskell",
        "hs",
        "lua",
        "r",
        "julia",
        "matlab",
        "fortran",
        "pascal",
    ]
)
_FENCE = re.compile(r"^[ \t]*(?:> ?)*[ \t]*(`{3,}|~{3,})[ \t]*(.*)$", re.MULTILINE)
_TAGS = "|".join(name for language, names in _ALIASES.items() for name in (language, *names))
_MID_LINE_FENCE = re.compile(rf"[^\s`~>*+\-\"'=(][ \t]*```(?:{_TAGS})[ \t]*$", re.IGNORECASE | re.MULTILINE)
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


_MARK_STARTS = {"string": r"[<\[\\\u25c1#A-Z]", "comment": r"[<\[\\\u25c1]", "code": r"(?!)"}
"""How marks begin, by kind of token. `#` is not among those in comments: Python takes `### Response:` for a comment."""
_ESCAPE = "\ufdd0"
"""A noncharacter, which does not occur in text."""
MAX_ANSWER_CHARS = 60_000
"""Number of characters at the end of an answer that are read, to bound the time."""


def has_marks(code: str, language: Language) -> bool:
    """Return whether the code has special tokens, reasoning or tags outside its strings and comments."""
    return _matches_marks(_escape_literals(code, language))


def _matches_marks(text: str) -> bool:
    return any(
        pattern.search(text) for pattern in (_SPECIAL_TOKENS, _REASONING, _WRAPPER, _UNQUOTED_REASONING_END)
    )


def _escape_literals(code: str, language: Language) -> str:
    """Return the code with `_ESCAPE` in the marks of its strings and comments, so that they do not match."""
    return "".join(re.sub(_MARK_STARTS[kind], rf"\g<0>{_ESCAPE}", text) for kind, text in lex(code, language))


def _closed_blocks(text: str) -> Iterator[str]:
    """Yield the contents of closed fences, which Markdown parsers cannot find before the marks around them are gone."""
    opening = None
    for fence in re.finditer(r"^([^`~\n]*)(`{3,}|~{3,})([^`\n]*)$", text, re.MULTILINE):
        if opening is None:
            opening = fence
        elif fence[2].startswith(opening[2]) and not fence[3].strip() and not fence[1].strip(" \t>"):
            yield text[opening.end() + 1 : fence.start()]
            opening = None


def _escape_code(text: str, language: Language) -> str:
    """Return the text with `_ESCAPE` in the marks that are part of its code, inside and outside fences."""
    if not _matches_marks(text):
        return text
    blocks = list(_closed_blocks(text))
    if language == "python":
        blocks = [block for block in blocks if syntax_tree(textwrap.dedent(block))]
    else:  # a fence within indicates one that was never closed
        blocks = [block for block in blocks if not is_fenced(block)]
    without_end_tokens = re.sub(rf"(?:{_SPECIAL_TOKENS.pattern})[ \t]*$", "", text, flags=re.MULTILINE)
    for code in dict.fromkeys(
        (*blocks, *code_segments(text, language), *code_segments(without_end_tokens, language))
    ):
        text = text.replace(code, _escape_literals(code, language))
    return text


def is_fenced(text: str) -> bool:
    """Return whether a line of the text begins a fenced block, as in a chat model's answer."""
    return _FENCE.search(text) is not None


def answer_turns(answer: str, language: Language) -> Iterator[list[str]]:
    """Yield an answer's turns without reasoning, then all of its turns, for an answer that ends within its reasoning.

    Reasoning may lack its opening or closing mark.
    """
    answer = answer.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    answer = re.sub(r"\A (?=```|~~~)", "", answer)  # a space of some chat templates, not indentation
    answer = answer[:-MAX_ANSWER_CHARS] + _escape_code(answer[-MAX_ANSWER_CHARS:], language)
    visible = _UNQUOTED_REASONING_END.split(_REASONING.sub("\n\n", answer))[-1]
    for text in dict.fromkeys((visible, answer)):
        turns = [_WRAPPER.sub("\n", turn) for turn in _SPECIAL_TOKENS.split(text[-MAX_ANSWER_CHARS:])]
        yield [turn.replace(_ESCAPE, "") for turn in turns if turn.strip()]


def code_readings(text: str, language: Language) -> Iterator[tuple[bool, list[str]]]:
    """Yield a text's blocks of code, in order, as read in alternative ways; the likeliest way comes first.

    The flag is True for a reading by fences: its blocks are code even if they do not parse.
    """
    blocks = _fences(text)
    pieces = [("", piece) for piece in code_segments(_after_last_fence(text, blocks), language)]
    for reading in ([*blocks, *pieces], _lenient_fences(text))[:: -1 if _MID_LINE_FENCE.search(text) else 1]:
        tags = {tag for tag, _ in reading}
        ignored_tags = {"typescript", "ts"} if tags & {"javascript", "js"} else set()
        yield (
            True,
            [code for tag, code in reading if _may_have_language(tag, language) and tag not in ignored_tags],
        )
    widest = re.search(r"^[ \t]*(`{3,}|~{3,}).*\n(?s:(.*))^[ \t]*\1[ \t]*$", text, re.MULTILINE)
    yield False, [widest[2]] if widest else []
    tokens = _markdown().parse(text)
    bare = _FENCE.sub("```", text)
    yield False, code_segments(bare, language)
    yield False, code_segments(re.sub(r"^(?:> ?)+", "", bare, flags=re.MULTILINE), language)
    yield False, [] if _FENCE.search(text) else [text]
    yield False, [token.content for token in tokens if token.type == "code_block"]
    names = "|".join((language, *_ALIASES[language]))
    spans = [
        child.content for token in tokens for child in token.children or () if child.type == "code_inline"
    ]
    yield False, [re.sub(rf"^(?:{names})\s+", "", span, flags=re.IGNORECASE) for span in spans]
    yield False, [code for tag, code in blocks]
    yield False, list(_json_strings([*(code for _, code in blocks), text]))


def before_fences(text: str) -> str:
    """Return the text before the first fence."""
    fence = _FENCE.search(text)
    return text[: fence.start()] if fence else text


def normalized(code: str, language: Language) -> str | None:
    """Return code that parses, from a block that almost does; None if no change makes it parse."""
    lines = code.strip("\n").split("\n")
    if lines[0].strip().lower() in (language, *_ALIASES[language]):  # the tag, on the line below the fence
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
    if any(
        kind == "code" and re.search(r"&(?:lt|gt|amp|quot);", text)
        for kind, text in _merged_parts(code, language)
    ):
        code = html.unescape(code)
    return "".join(
        text.translate(_SPACES) if kind == "code" else text for kind, text in _merged_parts(code, language)
    )


def _merged_parts(code: str, language: Language) -> Iterator[tuple[str, str]]:
    """Yield the parts of the code; adjacent parts of one kind are merged."""
    for kind, group in groupby(lex(code, language), key=lambda part: part[0]):
        yield kind, "".join(text for _, text in group)


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
    """Return a listing without its line numbers."""
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
    is_language = tag in (language, *_ALIASES[language])
    others = {name for other, names in _ALIASES.items() if other != language for name in (other, *names)}
    return is_language or tag not in _OTHER_TAGS | others


def _lenient_fences(text: str) -> list[tuple[str, str]]:
    """Return tag and content of blocks whose fences CommonMark does not recognise.

    Such fences are within a line, or indented by mistake.
    """
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
        is_tag = any(_tag(tag) in (name, *others) for name, others in _ALIASES.items())
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
