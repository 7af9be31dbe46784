"""Examples in an APPS statement: removed from it, and parsed for comparison with the problem's tests.

Codeforces, AtCoder, CodeChef and Kattis print them below headings between dashes; LeetCode below `Example 1:`, with
`Input: nums = [1]` in one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal, NamedTuple

_DASHED = re.compile(r"\s*(?P<line>[-=])(?P=line){2,}\s*(?P<name>[^\s=-].*?)\s*(?P=line){3,}\s*(?P<rest>.*)")
"""A line such as `-----Note-----` or `===== Sample Input 1: =====`. Some have text after the dashes."""
_EXAMPLE_NAME = re.compile(r"\s*(sample|example|пример)", re.IGNORECASE)
_NOTE_NAME = re.compile(r"\s*(sample |example )?(explanation|note|примечан|пояснен)", re.IGNORECASE)
_PLAIN_EXAMPLE = re.compile(
    r"[\s*#_]*(for )?(?-i:[SE])(ample|xample)s?( (usage|tests?|cases?|text))*\s*#?\d*[\s:.*_-]*",
    re.IGNORECASE,
)
"""A line such as `Example 1:` or `## Examples`. In lower case it may be part of an example."""
_IO_HEADING = re.compile(
    r"[\s*#_`]*(?P<sample>((sample|example|test)s?\s+)+(case\s+)?)?"
    r"(?P<io>input|ou?t?put|входные данные|выходные данные)"
    r"(\s+(data|format))?\s*#?\s*\d*[\s*_`]*(:[\s*_]*(?P<rest>.*)|[\s.-]*)",
    re.IGNORECASE,
)
"""A line such as `Input`, `Sample Output 2:` or `Input: nums = [1]`."""
_EXPLANATION = re.compile(r"[\s*#_]*(E[Xx][Pp][Ll]\w+|N[Oo][Tt][Ee][Ss]?)\b.*")
_END = re.compile(
    r"[\s*_]*(Constraints?|Notes?|Follow[ -]?[Uu]p)\b.*|\s*#+ +[A-Za-z].*|\s*(\*\*|__)[A-Za-z][^*_]{3,}\2:?\s*"
)
"""End of examples without dashed headings."""
_EXAMPLE_LINE = re.compile(r"```|=>|->|→|==|//|>>>|^\s*[\[({\"'`\d]")
"""A line below `Example:` that is part of one."""
_ABOUT_EXAMPLES = re.compile(r"\d|sample|example|test|\bcase|picture|figure|follow", re.IGNORECASE)

LineKind = Literal["keep", "cut", "note", "example", "input", "output"]


class Example(NamedTuple):
    """Text below a heading of input, and below the next one of output, where an explanation may follow."""

    input: str
    output: str


class Cut(NamedTuple):
    statement: str
    """The question without its examples and their explanations."""
    examples: tuple[Example, ...]


def cut_examples(question: str) -> Cut:
    """Separate the examples from a question, in the form of any of the sites."""
    reader = _Reader()
    for line in question.splitlines():
        reader.read(line)
    blocks = [
        (kind, "\n".join(line for _, line in run))
        for (_, kind), run in groupby(reader.labelled, key=itemgetter(0))
    ]
    inputs_outputs = [block for block in blocks if block[0] in ("input", "output")]
    examples = tuple(
        Example(text, output)
        for (kind, text), (next_kind, output) in pairwise(inputs_outputs)
        if (kind, next_kind) == ("input", "output") and text.strip()
    )
    words = {word for example in examples for text in example for word in text.split() if len(word) > 1}
    kept = "\n".join(_remaining_text(kind, text, words) for kind, text in blocks)
    statement = re.sub(r"\n{3,}", "\n\n", _without_copies(kept, examples)).strip()
    return Cut(statement or question.strip(), examples)


@dataclass
class _Reader:
    """Labels each line with its kind, and with a number that changes where a new block of that kind begins."""

    labelled: list[tuple[tuple[int, LineKind], str]] = field(default_factory=list)
    _state: LineKind = "keep"
    _dashed: bool = False
    """Whether the section is below a dashed heading, and ends at the next one."""
    _in_example: bool = False
    _number: int = 0

    def read(self, line: str) -> None:
        if dashed := _DASHED.fullmatch(line):
            self._heading(dashed["name"], line)
            if dashed["rest"]:
                self.read(dashed["rest"])
        elif self._in_example and (heading := _IO_HEADING.fullmatch(line)):
            self._start_block(heading)
        elif not self._dashed or not self._in_example:
            self._plain(line)
        elif _EXPLANATION.fullmatch(line):
            self._label("cut", line)
        else:
            self._label(self._state, line)

    def _plain(self, line: str) -> None:
        heading = _IO_HEADING.fullmatch(line)
        if _PLAIN_EXAMPLE.fullmatch(line):
            self._in_example, self._dashed = True, False
            self._label("cut", line)
            self._state = "example"
        elif heading and (heading["sample"] or self._is_leetcode(heading)):
            self._in_example, self._dashed = True, False
            self._start_block(heading)
        elif self._in_example and _EXPLANATION.fullmatch(line) and line.lower().lstrip(" *_").startswith("e"):
            self._label("cut", line)
        elif self._in_example and _END.fullmatch(line):
            self._in_example = False
            self._label("keep", line)
        else:
            self._label(self._state, line)

    def _is_leetcode(self, heading: re.Match[str]) -> bool:
        """Return whether the line is like `Input: nums = [1]`, without a heading before it."""
        return heading["io"].lower() == "input" and bool(re.match(r"[\w\s]+=|[\[\"]", heading["rest"] or ""))

    def _heading(self, name: str, line: str) -> None:
        self._dashed = True
        self._in_example = bool(_EXAMPLE_NAME.match(name)) and not _NOTE_NAME.match(name)
        heading = _IO_HEADING.fullmatch(name.rstrip(": "))
        if self._in_example and heading:
            self._start_block(heading)
        elif self._in_example:
            self._label("cut", line)
        elif _NOTE_NAME.match(name):
            self._label("cut", line)
            self._state = "cut" if "expl" in name.lower() else "note"
        else:
            self._label("keep", line)

    def _start_block(self, heading: re.Match[str]) -> None:
        self._number += 1
        self._state = "input" if heading["io"].lower() in ("input", "входные данные") else "output"
        self._label(self._state, heading["rest"] or "")

    def _label(self, kind: LineKind, line: str) -> None:
        self._state = kind
        self.labelled.append(((self._number, kind), line))


def _remaining_text(kind: LineKind, text: str, words: set[str]) -> str:
    """Return the part of a block that stays in the statement."""
    if kind == "keep":
        return text
    if kind == "note":
        return _definitions(text, words)
    return _after_examples(text) if kind == "example" else ""


def _definitions(note: str, words: set[str]) -> str:
    """Return the first paragraphs of a note up to one about an example: some define a word of the statement."""
    kept: list[str] = []
    for paragraph in re.split(r"\n\s*\n", note):
        if _ABOUT_EXAMPLES.search(paragraph) or words.intersection(re.findall(r"\w+", paragraph)):
            break
        kept.append(paragraph)
    return "\n\n".join(kept)


def _after_examples(text: str) -> str:
    """Return the text after the examples below a plain `Example:`, from the first paragraph that is not part of one."""
    lines = text.splitlines()
    fenced = shown = False
    for number, line in enumerate(lines):
        is_fence = line.lstrip().startswith("```")
        shown = (shown and bool(line.strip())) or fenced or bool(_EXAMPLE_LINE.search(line))
        if line.strip() and not shown:
            return "\n".join(lines[number:])
        fenced ^= is_fence
        shown = shown and not (is_fence and not fenced)
    return ""


def _without_copies(statement: str, examples: Sequence[Example]) -> str:
    """Return the statement without lines that repeat the whole text of an example."""
    lines = statement.split("\n")
    for text in {text for example in examples for text in example}:
        copy = [line.split() for line in text.strip().splitlines()]
        if len(text.split()) < 2 and len(text.strip()) < 5:
            continue  # a line such as `N` or `0` is too short to identify
        start = 0
        while start + len(copy) <= len(lines):
            if [line.split() for line in lines[start : start + len(copy)]] == copy:
                del lines[start : start + len(copy)]
            else:
                start += 1
    return "\n".join(lines)


def possible_outputs(output: str) -> list[list[str]]:
    """Return the possible outputs of an example, as tokens: an explanation may follow after a blank line."""
    paragraphs = re.split(r"\n\s*\n", output.strip())
    return ["\n".join(paragraphs[: n + 1]).split() for n in range(len(paragraphs))]
