"""Where the code is in a chat model's answer: beside thoughts and special tokens, in fences as CommonMark has them."""

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
from rayboot.prompts.source import parses, parts, runs, tree_of

_NAMES = (
    r"(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|rationale|(?:inner|internal)_monologue|"
    r"\w+[:_]think(?:ing)?)"
)
_NOT_QUOTED = r"(?<![\"'\\])(?<!(?<!`)`)"
_UNTHOUGHT = (
    rf"</{_NAMES}>|\[/(?:THINK|THINKING|REASONING)\]|\u25c1/think\u25b7|<\|(?:end_of_thought|END_THINKING)\|>"
)
_THOUGHTS = re.compile(
    rf"{_NOT_QUOTED}(?:"
    rf"(?:<{_NAMES}>|\[(?:THINK|THINKING|REASONING)\]|\u25c1think\u25b7|<\|(?:begin_of_thought|START_THINKING)\|>)"
    rf"(?s:.*?)(?:{_UNTHOUGHT}|\Z)"
    r"|<\|channel\|>(?:analysis|commentary)\b[^<\n]*(?:<\|constrain\|>\w*)?<\|message\|>(?s:.*?)"
    r"(?:<\|(?:end|return|call)\|>|(?=<\|(?:channel|start)\|>)|\Z)"
    r"|<\|channel>thought(?s:.*?)(?:<channel\|>|\Z)|<unused94>(?s:.*?)(?:<unused95>|\Z)"
    r"|<\|inner_prefix\|>(?s:.*?)(?:<\|inner_suffix\|>|\Z))"
)
"""What models write before they answer, in their own marks, closed or not."""
_CLOSED = re.compile(rf"{_NOT_QUOTED}(?:{_UNTHOUGHT})")
_SPECIAL = re.compile(
    rf"{_NOT_QUOTED}(?:<\|[^|<>\n]{{1,40}}\|>|<\uff5c[^\uff5c<>\n]{{1,40}}\uff5c>|</?s>(?=\s|$)|<\|[a-z_]+>|<[a-z_]+\|>|"
    r"<(?:bos|eos|pad|unk|eod|eot|EOT|EOD|endoftext|end_of_text|start_of_turn|end_of_turn|end_of_utterance)>|"
    r"</?(?:fim_\w+|file_sep|jupyter_\w+)>|\[/?INST\]|<</?SYS>>|\[\|[a-z]+\|\])|^\[(?:BEGIN|DONE)\]"
    r"|^### ?(?:Instruction|Response|User|Human|Assistant):|^(?:Human|User|USER|Assistant|ASSISTANT): ",
    re.MULTILINE,
)
"""Special tokens of the common models, as text, and the heads of turns that some make up."""
_WRAPPERS = (
    r"code|answer|final_answer|solution|response|output|result|program|script|execute|pre|implementation|"
    r"python|javascript|java|perl|go|swift|PYTHON|JAVASCRIPT|JAVA|PERL|GO|SWIFT|CODE|ANSWER|SOLUTION|TESTS?|RESPONSE"
)
_WRAPPER = re.compile(
    rf"^[ \t]*(?:(?:<(?:{_WRAPPERS})(?: [^<>\n]*)?>)+|\[(?:{_WRAPPERS})\])[ \t]*"
    rf"|(?:(?:</(?:{_WRAPPERS})>)+|\[/(?:{_WRAPPERS})\])(?=[ \t]*$)"
    r"|^[ \t]*\\(?:begin|end)\{(?:lstlisting|verbatim|minted|code|python)\}(?:\[[^\]\n]*\]|\{\w+\})*[ \t]*$",
    re.MULTILINE,
)
"""Tags that some models put round their code."""
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
_NO_PROGRAM = frozenset(
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
_MID_LINE = re.compile(rf"[^\s`~>*+\-\"'=(][ \t]*```(?:{_TAGS})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_SPACES = str.maketrans(
    dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", "")
)
_SIGNS = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
    | dict.fromkeys("\u2018\u2019\u2032", "'")
    | {"\u2028": "\n", "\u2013": "-", "\u2212": "-", "\u2026": "..."}
)
"""What a word processor makes of quotes and signs."""


_HEADS = {"string": r"[<\[\\\u25c1#A-Z]", "comment": r"[<\[\\\u25c1]", "code": r"(?!)"}
"""How the marks begin, in a string and in a comment. `### Response:` is a comment to Python, and none."""
_HIDDEN = "\ufdd0"
"""Is no character of any text."""
LONGEST = 60_000
"""Characters at the end of an answer that are read: more must not cost minutes."""


def is_marked(code: str, language: Language) -> bool:
    """Whether there are special tokens, thoughts or tags in the code, besides those in its strings and comments."""
    return _has_marks(_hidden(code, language))


def _has_marks(text: str) -> bool:
    return any(pattern.search(text) for pattern in (_SPECIAL, _THOUGHTS, _WRAPPER, _CLOSED))


def _hidden(code: str, language: Language) -> str:
    """The code with a sign in the marks of its strings and comments, so that they are none."""
    return "".join(re.sub(_HEADS[kind], rf"\g<0>{_HIDDEN}", text) for kind, text in parts(code, language))


def _closed_blocks(text: str) -> Iterator[str]:
    """What stands between fences: no parser of Markdown finds them before the marks around them are gone."""
    opening = None
    for fence in re.finditer(r"^([^`~\n]*)(`{3,}|~{3,})([^`\n]*)$", text, re.MULTILINE):
        if opening is None:
            opening = fence
        elif fence[2].startswith(opening[2]) and not fence[3].strip() and not fence[1].strip(" \t>"):
            yield text[opening.end() + 1 : fence.start()]
            opening = None


def _hidden_in_code(text: str, language: Language) -> str:
    """The text with a sign in the marks that are part of its code, in fences and out of them."""
    if not _has_marks(text):
        return text
    blocks = list(_closed_blocks(text))
    if language == "python":
        blocks = [block for block in blocks if tree_of(textwrap.dedent(block))]
    else:  # a fence within tells of one that was never closed
        blocks = [block for block in blocks if not is_fenced(block)]
    unended = re.sub(rf"(?:{_SPECIAL.pattern})[ \t]*$", "", text, flags=re.MULTILINE)
    for code in dict.fromkeys((*blocks, *runs(text, language), *runs(unended, language))):
        text = text.replace(code, _hidden(code, language))
    return text


def is_fenced(text: str) -> bool:
    """Whether a line of the text begins a fenced block, as in a chat model's answer."""
    return _FENCE.search(text) is not None


def spoken(answer: str, language: Language) -> Iterator[list[str]]:
    """What the model says, turn by turn and without thoughts; then all that it wrote, for answers that end within one.

    A thought that was never closed, or never opened, is one too.
    """
    answer = answer.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    answer = re.sub(
        r"\A (?=```|~~~)", "", answer
    )  # some chats' space, which is none of the code's indentation
    answer = answer[:-LONGEST] + _hidden_in_code(answer[-LONGEST:], language)
    said = _CLOSED.split(_THOUGHTS.sub("\n\n", answer))[-1]
    for text in dict.fromkeys((said, answer)):
        turns = [_WRAPPER.sub("\n", turn) for turn in _SPECIAL.split(text[-LONGEST:])]
        yield [turn.replace(_HIDDEN, "") for turn in turns if turn.strip()]


def readings(text: str, language: Language) -> Iterator[tuple[bool, list[str]]]:
    """The blocks of code of a text, in their order, read in one way after another; likelier ones come first.

    True is said of a reading that goes by fences: its blocks are code even where they do not parse.
    """
    blocks = _fences(text)
    pieces = [("", piece) for piece in runs(_below(text, blocks), language)]
    for reading in ([*blocks, *pieces], _loose_fences(text))[:: -1 if _MID_LINE.search(text) else 1]:
        tagged = {tag for tag, _ in reading}
        typed = {"typescript", "ts"} if tagged & {"javascript", "js"} else set()
        yield True, [code for tag, code in reading if _may_be(tag, language) and tag not in typed]
    widest = re.search(r"^[ \t]*(`{3,}|~{3,}).*\n(?s:(.*))^[ \t]*\1[ \t]*$", text, re.MULTILINE)
    yield False, [widest[2]] if widest else []
    tokens = _markdown().parse(text)
    bare = _FENCE.sub("```", text)
    yield False, runs(bare, language)
    yield False, runs(re.sub(r"^(?:> ?)+", "", bare, flags=re.MULTILINE), language)
    yield False, [] if _FENCE.search(text) else [text]
    yield False, [token.content for token in tokens if token.type == "code_block"]
    names = "|".join((language, *_ALIASES[language]))
    spans = [
        child.content for token in tokens for child in token.children or () if child.type == "code_inline"
    ]
    yield False, [re.sub(rf"^(?:{names})\s+", "", span, flags=re.IGNORECASE) for span in spans]
    yield False, [code for tag, code in blocks]
    yield False, list(_in_json([*(code for _, code in blocks), text]))


def above_fences(text: str) -> str:
    """What stands before the first fence."""
    fence = _FENCE.search(text)
    return text[: fence.start()] if fence else text


def mended(code: str, language: Language) -> str | None:
    """Code that parses, out of a block that almost does; None if it does not come near."""
    lines = code.strip("\n").split("\n")
    if lines[0].strip().lower() in (language, *_ALIASES[language]):  # the tag, a line too low
        code = "\n".join(lines[1:])
    if language != "python":
        code = _clean(code, language)  # nothing below would say that it is wrong
    for change in _CHANGES if language == "python" else _CHANGES[:4]:
        code = change(code)
        if parses(code, language):
            return code
    return None


def _clean(code: str, language: Language) -> str:
    """Code out of HTML or a word processor; what only stands in strings is meant."""
    if any(
        kind == "code" and re.search(r"&(?:lt|gt|amp|quot);", text) for kind, text in _joined(code, language)
    ):
        code = html.unescape(code)
    return "".join(
        text.translate(_SPACES) if kind == "code" else text for kind, text in _joined(code, language)
    )


def _joined(code: str, language: Language) -> Iterator[tuple[str, str]]:
    """The parts of the code, with neighbours of one kind as one."""
    for kind, group in groupby(parts(code, language), key=lambda part: part[0]):
        yield kind, "".join(text for _, text in group)


def _transcript(code: str) -> str:
    """The statements that were typed at a prompt."""
    code = re.sub(r"^In \[\d+\]: ", ">>> ", code, flags=re.MULTILINE)
    code = re.sub(r"^ *\.\.\.: ?", "... ", code, flags=re.MULTILINE)
    if not re.search(r"^\s*>>> ", code, re.MULTILINE) or tree_of(code):
        return code
    try:
        return "".join(example.source for example in DocTestParser().get_examples(code))
    except ValueError:
        return code


def _first_line_as_the_next(code: str) -> str:
    """A body whose first line has lost its indentation."""
    first, _, rest = code.lstrip("\n").partition("\n")
    mended = f"{first}\n{textwrap.dedent(rest)}"
    return code if first[:1].isspace() or tree_of(mended) is None else mended


def _without_numbers(code: str) -> str:
    """A listing without the numbers of its lines."""
    numbered = re.search(r"^(?!\s*\d+[ .:|)])", code.strip("\n"), re.MULTILINE) is None
    return re.sub(r"^[ \t]*\d+ ?[.:|)]? ?", "", code, flags=re.MULTILINE) if numbered else code


def _without_its_end(code: str) -> str:
    """What was cut off, or is prose below the code, left out."""
    pieces = runs(code, "python")
    return pieces[0] if len(pieces) == 1 else code


_CHANGES: list[Callable[[str], str]] = [
    str,
    textwrap.dedent,
    lambda code: code.translate(_SPACES | _SIGNS),
    html.unescape,
    _transcript,
    lambda code: re.sub(r"^>+ ?", "", code, flags=re.MULTILINE),
    _first_line_as_the_next,
    _without_numbers,
    lambda code: code.expandtabs(4) if tree_of(code.expandtabs(4)) else code.expandtabs(8),
    lambda code: code.replace(r"\_", "_") if tree_of(code.replace(r"\_", "_")) else code,
    lambda code: code.replace(r"\n", "\n") if "\n" not in code.strip() else code,
    _without_its_end,
]


@cache
def _markdown() -> MarkdownIt:
    # A fence may stand right below a line of HTML, such as <details>.
    return MarkdownIt("commonmark", {"maxNesting": 50}).disable(["html_block", "reference"])


def _fences(text: str, depth: int = 0) -> list[tuple[str, str]]:
    """Tag and content of each fenced block, of those within blocks of Markdown too."""
    found: list[tuple[str, str]] = []
    for token in _markdown().parse(text) if _FENCE.search(text) else ():
        if token.type not in ("fence", "code_block"):
            continue
        tag = _tag(token.info)
        nested = _fences(token.content, depth + 1) if depth < 3 and tag in ("", "markdown", "md") else []
        if nested and tree_of(token.content) is None:
            found += nested
        elif token.type == "fence":
            found.append((tag, token.content))
    return found


def _below(text: str, blocks: list[tuple[str, str]]) -> str:
    """What stands below the last fence, where the last version may stand bare."""
    _, last, below = text.rpartition(blocks[-1][1] or text) if blocks else ("", "", "")
    below = below.partition("\n")[2]
    return "" if not last or is_fenced(below) else below


def _tag(info: str) -> str:
    words = re.findall(r"[a-z0-9+#]+", html.unescape(info).lower())
    return words[0] if words else ""


def _may_be(tag: str, language: Language) -> bool:
    mine = tag in (language, *_ALIASES[language])
    others = {name for other, names in _ALIASES.items() if other != language for name in (other, *names)}
    return mine or tag not in _NO_PROGRAM | others


def _loose_fences(text: str) -> list[tuple[str, str]]:
    """Tag and content of blocks whose fences stand where Markdown knows none: within a line, or indented by chance."""
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


def _in_json(candidates: list[str]) -> Iterator[str]:
    """Texts of an answer that is, fences, or holds an object of JSON or a literal of Python."""
    for candidate in candidates:
        for read in (ast.literal_eval, _first_object):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                yield from _texts(read(candidate.strip()))
                break


def _first_object(text: str) -> object:
    return json.JSONDecoder(strict=False).raw_decode(text, text.index("{"))[0]


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list) and data and all(isinstance(each, str) for each in data):
        yield "\n".join(data)  # its lines
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _texts(each)
