"""Examples of function calls: LeetCode prints `Input: nums = [1,2], k = 3`, Codewars `f(1) // => 2`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rayboot.problems.apps_examples import Example

_SEPARATOR = re.compile(
    r"(?:\s*(?:(?:should\s+)?(?:returns?|equals?)\b:?|=+>|-+>|→|==+|=|//|#|;|--|:))+\s*", re.IGNORECASE
)
"""Separators between a call and its result, such as `=>`, `// returns` or `==`."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")
_JSON_NAMES = {"true": True, "false": False, "null": None, "nil": None}
_MAX_CHARS = 2_000
"""Maximum characters of an argument list; a longer one is not an example for readers."""


class CallExample(NamedTuple):
    args: list[object]
    result: object


def leetcode_examples(examples: Sequence[Example]) -> Iterator[CallExample]:
    """Yield LeetCode's examples whose values are literals. Arguments are positional: their names are ignored."""
    for example in examples:
        args = _arguments(", ".join(line.strip(" ,") for line in example.input.splitlines() if line.strip()))
        lines = example.output.strip().splitlines()
        for end in range(len(lines), 0, -1):  # an explanation may follow
            result = _literal("\n".join(lines[:end]).strip())
            if args is not None and result is not None:
                yield CallExample(args, result[0])
                break


def printed_calls(question: str, entry_point: str) -> list[CallExample]:
    """Return the calls of the function with literals anywhere in a question that have a result."""
    calls = (call for line in question.splitlines() for call in _calls(line, entry_point))
    return [CallExample(args, result[0]) for args, result in calls if result is not None]


def cut_calls(statement: str, entry_point: str) -> str:
    """Return the statement without calls of the function that pass literals.

    A fenced block of code is removed as a whole. Elsewhere the sentence with the call is removed, or the line of a
    table such as `"din" => "((("`.
    """
    lines = statement.split("\n")
    fences = [number for number, line in enumerate(lines) if line.lstrip().startswith("```")]
    for first, last in reversed(list(zip(fences[::2], fences[1::2], strict=False))):
        if any(_shows_call(line, entry_point) for line in lines[first : last + 1]):
            del lines[first : last + 1]
    return "\n".join(rest for line in lines if (rest := _without_calls(line, entry_point)) is not None)


def _without_calls(line: str, entry_point: str) -> str | None:
    """Return the line without the sentences that have a call; None if nothing is left."""
    if not _shows_call(line, entry_point):
        return line
    return " ".join(part for part in _SENTENCE.split(line) if not _shows_call(part, entry_point)) or None


def _shows_call(text: str, entry_point: str) -> bool:
    return next(_calls(text, entry_point), None) is not None


def _calls(line: str, entry_point: str) -> Iterator[tuple[list[object], list[object] | None]]:
    """Yield the arguments of each call in a line, with its result in a list; None if there is no result."""
    called = False
    for match in re.finditer(r"([A-Za-z_]\w*)\s*\(", line):
        if _normalized_name(match[1]) != _normalized_name(entry_point):
            continue
        end = _closing_bracket(line, match.end() - 1)
        args = _arguments(line[match.end() : end]) if end else None
        if args:
            called = True
            yield args, _result_after(line[end + 1 :])
    if not called and (arrow := re.search(r"\s(?:=+>|-+>|→)\s", line)):
        args, result = _arguments(line[: arrow.start()].strip(" *`-")), _result_after(line[arrow.start() :])
        if args and result is not None:
            yield args, result


def _normalized_name(name: str) -> str:
    """Return the spelling that a name has in common across languages: `is_prime` and `isPrime` are one function."""
    return name.replace("_", "").lower()


def _closing_bracket(line: str, start: int) -> int:
    """Return the position of the bracket that closes the one at `start`; 0 if there is none."""
    depth, quote = 0, ""
    for position in range(start, len(line)):
        char = line[position]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return position
    return 0


def _result_after(text: str) -> list[object] | None:
    """Return the literal after a separator at the beginning of the text, in a list; None if there is none."""
    separator = _SEPARATOR.match(text.lstrip("` "))
    if separator is None:
        return None
    text = text.lstrip("` ")[separator.end() :].strip(" `")
    return next((value for part in _prefixes(text) if (value := _literal(part)) is not None), None)


def _prefixes(text: str) -> Iterator[str]:
    """Yield the text and shorter and shorter prefixes of it: a result may be followed by a remark."""
    yield text
    for stop in (r"\s*//.*", r"\s+#.*", r"\s+--.*", r"[`;].*", r"[.,;:!]?\s+[A-Za-z(].*", r"[.,;]$", r"\s.*"):
        shorter = re.sub(stop, "", text, count=1)
        if shorter != text:
            yield shorter


def _arguments(text: str) -> list[object] | None:
    """Return positional and named arguments if all are literals, else None."""
    tree = _parsed(f"f({text})")
    if isinstance(tree, ast.Call):
        return _values([*tree.args, *(keyword.value for keyword in tree.keywords)])
    return None


def _literal(text: str) -> list[object] | None:
    """Return the value of a literal in a list, because it may be None."""
    tree = _parsed(text)
    return None if tree is None else _values([tree])


def _parsed(text: str) -> ast.expr | None:
    if len(text) > _MAX_CHARS:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _values(nodes: Sequence[ast.expr]) -> list[object] | None:
    try:
        return [_to_json_value(ast.literal_eval(_JsonNames().visit(node))) for node in nodes]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _to_json_value(value: object) -> object:
    """Return the value as JSON represents it: tuples become lists, and keys strings."""
    if isinstance(value, list | tuple):
        return [_to_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _to_json_value(item) for key, item in value.items()}
    if isinstance(value, str | int | float | None):
        return value
    raise ValueError("JSON has no such value")


class _JsonNames(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_JSON_NAMES[node.id]) if node.id in _JSON_NAMES else node
