"""The code in a completion that may be a chat model's answer."""

from __future__ import annotations

import ast
import re

FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
BLOCK = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


def unfenced(completion: str, before: str = "", entry_point: str = "") -> str:
    """The code of a completion, without the prose and the ``` fences round it.

    Args:
        completion: The model's text. Without a fence it is code already.
        before: Code that the completion may continue, such as a function's signature.
        entry_point: The function that is asked for: of several blocks, the first that defines it is taken.
    """
    fence = FENCE.search(completion)
    if fence is None or _is_code(before, completion):
        return completion
    # A lone closing fence: the prompt opened it, or the model closed what was never open.
    if _is_code(before, completion[: fence.start()]):
        return completion[: fence.start()]
    blocks: list[str] = BLOCK.findall(completion)
    definition = re.compile(rf"^\s*def {re.escape(entry_point)}\b", re.MULTILINE)
    defining = [block for block in blocks if entry_point and definition.search(block)]
    return next(iter(defining or blocks), completion)


def _is_code(before: str, text: str) -> bool:
    """Whether `text` is Python after `before`. Prose of one word parses too, but is not code."""
    if not text.strip():
        return False
    try:
        last = ast.parse(before + text).body[-1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not (isinstance(last, ast.Expr) and isinstance(last.value, ast.Name | ast.Constant))
