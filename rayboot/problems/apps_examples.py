"""The examples in an APPS statement: cut out of it, and matched with the problem's tests.

Codeforces, AtCoder, CodeChef and Kattis print them below headings between dashes; LeetCode below `Example 1:`, with
`Input: nums = [1]` in one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

_DASHED = re.compile(r"\s*(?P<line>[-=])(?P=line){2,}\s*(?P<name>[^\s=-].*?)\s*(?P=line){3,}\s*(?P<rest>.*)")
"""A line such as `-----Note-----` or `===== Sample Input 1: =====`; some go on behind the dashes."""
_EXAMPLE_NAME = re.compile(r"\s*(sample|example|пример)", re.IGNORECASE)
_NOTE_NAME = re.compile(r"\s*(sample |example )?(explanation|note|примечан|пояснен)", re.IGNORECASE)
_PLAIN_EXAMPLE = re.compile(
    r"[\s*#_]*(for )?(?-i:[SE])(ample|xample)s?( (usage|tests?|cases?|text))*\s*#?\d*[\s:.*_-]*",
    re.IGNORECASE,
)
"""A line such as `Example 1:` or `## Examples`. In lower case it may be a line of an example."""
_PUT = re.compile(
    r"[\s*#_`]*(?P<sample>((sample|example|test)s?\s+)+(case\s+)?)?"
    r"(?P<put>input|ou?t?put|входные данные|выходные данные)"
    r"(\s+(data|format))?\s*#?\s*\d*[\s*_`]*(:[\s*_]*(?P<rest>.*)|[\s.-]*)",
    re.IGNORECASE,
)
"""A line such as `Input`, `Sample Output 2:` or `Input: nums = [1]`."""
_EXPLANATION = re.compile(r"[\s*#_]*(E[Xx][Pp][Ll]\w+|N[Oo][Tt][Ee][Ss]?)\b.*")
_END = re.compile(
    r"[\s*_]*(Constraints?|Notes?|Follow[ -]?[Uu]p)\b.*|\s*#+ +[A-Za-z].*|\s*(\*\*|__)[A-Za-z][^*_]{3,}\2:?\s*"
)
"""What ends examples that have no dashed headings."""
_LOOSE = re.compile(r"```|=>|->|→|==|//|>>>|^\s*[\[({\"'`\d]")
"""A line below `Example:` that shows one."""
_ABOUT_EXAMPLES = re.compile(r"\d|sample|example|test|\bcase|picture|figure|follow", re.IGNORECASE)

Kind = Literal["keep", "cut", "note", "loose", "input", "output"]


class Example(NamedTuple):
    """What stands below a heading of input, and then below one of output; the latter may go on with an explanation."""

    input: str
    output: str


class Cut(NamedTuple):
    statement: str
    """The question without its examples and what explains them."""
    examples: tuple[Example, ...]


def cut_examples(question: str) -> Cut:
    """Take the examples out of a question, in whatever form its site prints them."""
    reader = _Reader()
    for line in question.splitlines():
        reader.read(line)
    blocks = [(kind, "\n".join(texts)) for (_, kind), texts in _runs(reader.labelled)]
    inputs_outputs = [block for block in blocks if block[0] in ("input", "output")]
    examples = tuple(
        Example(text, output)
        for (kind, text), (next_kind, output) in pairwise(inputs_outputs)
        if (kind, next_kind) == ("input", "output") and text.strip()
    )
    words = {word for example in examples for text in example for word in text.split() if len(word) > 1}
    kept = "\n".join(_kept(kind, text, words) for kind, text in blocks)
    statement = re.sub(r"\n{3,}", "\n\n", _without_copies(kept, examples)).strip()
    return Cut(statement or question.strip(), examples)


@dataclass
class _Reader:
    """Gives each line its kind, and a number that changes where a new block of that kind begins."""

    labelled: list[tuple[tuple[int, Kind], str]] = field(default_factory=list)
    _state: Kind = "keep"
    _dashed: bool = False
    """The section stands below a dashed heading, and ends at the next."""
    _in_example: bool = False
    _number: int = 0

    def read(self, line: str) -> None:
        if dashed := _DASHED.fullmatch(line):
            self._heading(dashed["name"], line)
            if dashed["rest"]:
                self.read(dashed["rest"])
        elif self._in_example and (put := _PUT.fullmatch(line)):
            self._enter(put)
        elif not self._dashed or not self._in_example:
            self._plain(line)
        elif _EXPLANATION.fullmatch(line):
            self._label("cut", line)
        else:
            self._label(self._state, line)

    def _plain(self, line: str) -> None:
        put = _PUT.fullmatch(line)
        if _PLAIN_EXAMPLE.fullmatch(line):
            self._in_example, self._dashed = True, False
            self._label("cut", line)
            self._state = "loose"
        elif put and (put["sample"] or self._is_leetcode(put)):
            self._in_example, self._dashed = True, False
            self._enter(put)
        elif self._in_example and _EXPLANATION.fullmatch(line) and line.lower().lstrip(" *_").startswith("e"):
            self._label("cut", line)
        elif self._in_example and _END.fullmatch(line):
            self._in_example = False
            self._label("keep", line)
        else:
            self._label(self._state, line)

    def _is_leetcode(self, put: re.Match[str]) -> bool:
        """Whether it is `Input: nums = [1]` without any heading before it."""
        return put["put"].lower() == "input" and bool(re.match(r"[\w\s]+=|[\[\"]", put["rest"] or ""))

    def _heading(self, name: str, line: str) -> None:
        self._dashed = True
        self._in_example = bool(_EXAMPLE_NAME.match(name)) and not _NOTE_NAME.match(name)
        put = _PUT.fullmatch(name.rstrip(": "))
        if self._in_example and put:
            self._enter(put)
        elif self._in_example:
            self._label("cut", line)
        elif _NOTE_NAME.match(name):
            self._label("cut", line)
            self._state = "cut" if "expl" in name.lower() else "note"
        else:
            self._label("keep", line)

    def _enter(self, put: re.Match[str]) -> None:
        self._number += 1
        self._state = "input" if put["put"].lower() in ("input", "входные данные") else "output"
        self._label(self._state, put["rest"] or "")

    def _label(self, kind: Kind, line: str) -> None:
        self._state = kind
        self.labelled.append(((self._number, kind), line))


def _runs(labelled: Sequence[tuple[tuple[int, Kind], str]]) -> list[tuple[tuple[int, Kind], list[str]]]:
    return [(label, [line for _, line in run]) for label, run in groupby(labelled, key=lambda pair: pair[0])]


def _kept(kind: Kind, text: str, words: set[str]) -> str:
    """What stays of a block in the statement."""
    if kind == "keep":
        return text
    if kind == "note":
        return _definitions(text, words)
    return _after_examples(text) if kind == "loose" else ""


def _definitions(note: str, words: set[str]) -> str:
    """The first paragraphs of a note, as long as they speak of no example: some define a word of the statement."""
    kept: list[str] = []
    for paragraph in re.split(r"\n\s*\n", note):
        if _ABOUT_EXAMPLES.search(paragraph) or words.intersection(re.findall(r"\w+", paragraph)):
            break
        kept.append(paragraph)
    return "\n\n".join(kept)


def _after_examples(text: str) -> str:
    """What follows the examples below a plain `Example:`: all from the first paragraph that does not show one."""
    lines = text.splitlines()
    fenced = shown = False
    for number, line in enumerate(lines):
        is_fence = line.lstrip().startswith("```")
        shown = (shown and bool(line.strip())) or fenced or bool(_LOOSE.search(line))
        if line.strip() and not shown:
            return "\n".join(lines[number:])
        fenced ^= is_fence
        shown = shown and not (is_fence and not fenced)
    return ""


def _without_copies(statement: str, examples: Sequence[Example]) -> str:
    """The statement without lines that are the whole text of an example once more."""
    lines = statement.split("\n")
    for text in {text for example in examples for text in example}:
        copy = [line.split() for line in text.strip().splitlines()]
        if len(text.split()) < 2 and len(text.strip()) < 5:
            continue  # a line such as `N` or `0` says nothing
        start = 0
        while start + len(copy) <= len(lines):
            if [line.split() for line in lines[start : start + len(copy)]] == copy:
                del lines[start : start + len(copy)]
            else:
                start += 1
    return "\n".join(lines)


def answers(output: str) -> list[list[str]]:
    """What an example's output may be, token by token: it may be followed by an explanation after a blank line."""
    paragraphs = re.split(r"\n\s*\n", output.strip())
    return ["\n".join(paragraphs[: n + 1]).split() for n in range(len(paragraphs))]
