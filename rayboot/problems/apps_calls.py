"""Examples of functions to call: LeetCode prints `Input: nums = [1,2], k = 3`, Codewars `f(1) // => 2`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rayboot.problems.apps_examples import Example

_SEPARATOR = re.compile(
    r"(?:\s*(?:(?:should\s+)?(?:returns?|equals?)\b:?|=+>|-+>|→|==+|=|//|#|;|--|:))+\s*", re.IGNORECASE
)
"""What stands between a call and its result, such as `=>`, `// returns` or `==`."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")
_JSON_NAMES = {
    "true": True,
    "false": False,
    "null": None,
    "nil": None,
    "True": True,
    "False": False,
    "None": None,
}
_LONGEST = 2_000
"""Characters of an argument list that is read as Python; longer ones are no examples for people."""


class CallExample(NamedTuple):
    args: list[Any]
    result: Any


def named_examples(examples: Sequence[Example]) -> Iterator[CallExample]:
    """LeetCode's examples, as far as they are literals; the arguments' names do not count, their order does."""
    for example in examples:
        args = _arguments(", ".join(line.strip(" ,") for line in example.input.splitlines() if line.strip()))
        for text in _results(example.output):
            result = _literal(text)
            if args is not None and result is not None:
                yield CallExample(args, result[0])
                break


def printed_calls(question: str, entry_point: str) -> list[CallExample]:
    """Calls of the function with literals, wherever a question prints them, with their results."""
    calls = (call for line in question.splitlines() for call in _calls(line, entry_point))
    return [CallExample(args, result[0]) for args, result in calls if result is not None]


def cut_calls(statement: str, entry_point: str) -> str:
    """The statement without calls of the function that pass literals.

    A block of code between fences goes as a whole; elsewhere the sentence that holds the call goes, or the line of a
    table such as `"din" => "((("`.
    """
    kept: list[str] = []
    for block, fenced in _fenced(statement):
        if fenced and any(_shows_call(line, entry_point) for line in block):
            continue
        kept += [rest for line in block if (rest := _without_calls(line, entry_point)) is not None]
    return "\n".join(kept)


def shows(example: CallExample, expected: Any) -> bool:
    """Whether the example's result is the test's, which may be wrapped in a list of one."""
    return bool(example.result == expected or [example.result] == expected)


def _fenced(statement: str) -> Iterator[tuple[list[str], bool]]:
    """Lines between fences, fences included, and lines elsewhere."""
    block: list[str] = []
    fenced = False
    for line in statement.split("\n"):
        is_fence = line.lstrip().startswith("```")
        if is_fence and not fenced:
            yield block, False
            block = []
        block.append(line)
        if is_fence:
            fenced = not fenced
            if not fenced:
                yield block, True
                block = []
    yield block, False  # a fence that is never closed is not one


def _without_calls(line: str, entry_point: str) -> str | None:
    """The line without the sentences that hold a call; None where nothing is left of it."""
    if not _shows_call(line, entry_point):
        return line
    return " ".join(part for part in _SENTENCE.split(line) if not _shows_call(part, entry_point)) or None


def _shows_call(text: str, entry_point: str) -> bool:
    return next(_calls(text, entry_point), None) is not None


def _calls(line: str, entry_point: str) -> Iterator[tuple[list[Any], list[Any] | None]]:
    """Arguments and, in a list, the result of each call in a line; None for a result that is not there."""
    called = False
    for match in re.finditer(r"([A-Za-z_]\w*)\s*\(", line):
        if _plain_name(match[1]) != _plain_name(entry_point):
            continue
        end = _closing(line, match.end() - 1)
        args = _arguments(line[match.end() : end]) if end else None
        if args:
            called = True
            yield args, _after(line[end + 1 :])
    if not called and (arrow := re.search(r"\s(?:=+>|-+>|→)\s", line)):
        args, result = _arguments(line[: arrow.start()].strip(" *`-")), _after(line[arrow.start() :])
        if args and result is not None:
            yield args, result


def _plain_name(name: str) -> str:
    """A name as other languages spell it too: `is_prime` and `isPrime` are one function."""
    return name.replace("_", "").lower()


def _closing(line: str, start: int) -> int:
    """Where the bracket that opens at `start` closes; 0 if it does not."""
    depth, quote = 0, ""
    for position in range(start, len(line)):
        mark = line[position]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth == 0:
                return position
    return 0


def _after(text: str) -> list[Any] | None:
    """The literal that begins the text, in a list, after whatever says that it is a result."""
    separator = _SEPARATOR.match(text.lstrip("` "))
    if separator is None:
        return None
    text = text.lstrip("` ")[separator.end() :].strip(" `")
    return next((value for part in _beginnings(text) if (value := _literal(part)) is not None), None)


def _beginnings(text: str) -> Iterator[str]:
    """The text, and shorter and shorter beginnings of it: what follows a result is a remark."""
    yield text
    for stop in (r"\s*//.*", r"\s+#.*", r"\s+--.*", r"[`;].*", r"[.,;:!]?\s+[A-Za-z(].*", r"[.,;]$", r"\s.*"):
        shorter = re.sub(stop, "", text, count=1)
        if shorter != text:
            yield shorter


def _results(output: str) -> Iterator[str]:
    """What an example's output may be: its lines but for the last ones."""
    lines = output.strip().splitlines()
    for end in range(len(lines), 0, -1):
        yield "\n".join(lines[:end]).strip()


def _arguments(text: str) -> list[Any] | None:
    """Arguments that are all literals, by position or by name; None if one is not."""
    tree = _parsed(f"f({text})")
    if not isinstance(tree, ast.Call):
        return None
    return _values([*tree.args, *(keyword.value for keyword in tree.keywords)])


def _literal(text: str) -> list[Any] | None:
    """The value of a literal, in a list, since it may be None itself."""
    tree = _parsed(text)
    return None if tree is None else _values([tree])


def _parsed(text: str) -> ast.expr | None:
    if len(text) > _LONGEST:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _values(nodes: Sequence[ast.expr]) -> list[Any] | None:
    try:
        return [_jsonable(ast.literal_eval(_Names().visit(node))) for node in nodes]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _jsonable(value: Any) -> Any:
    """The value as JSON has it: tuples are lists there, and keys texts."""
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, str | int | float | None):
        return value
    raise ValueError("JSON has no such value")


class _Names(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_JSON_NAMES[node.id]) if node.id in _JSON_NAMES else node
