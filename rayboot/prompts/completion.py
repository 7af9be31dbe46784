"""The code in a completion that may be a chat model's answer."""

from __future__ import annotations

import ast
import re
from itertools import takewhile

from rayboot.problems.types import Language
from rayboot.prompts.show import lines

FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
BLOCK = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
DEFINITIONS: dict[Language, str] = {
    "python": r"^\s*(?:async\s+)?def {name}\b",
    "javascript": r"\bfunction\s*\*?\s*{name}\b|\b(?:const|let|var)\s+{name}\s*=",
    "java": r"^\s*[\w<>\[\], ?]+\s{name}\s*\([^;{]*\)[^;{]*[{]",
    "perl": r"^\s*sub\s+{name}\b",
    "go": r"^\s*func\s+{name}\b",
    "swift": r"^\s*(?:[\w@]+\s+)*func\s+{name}\b",
}
"""What the definition of a function looks like."""
HEADER = {
    "java": "import ",
    "go": "package ",
    "javascript": "",
    "perl": "use ",
    "swift": "import ",
    "python": "",
}
"""How the lines begin that a program needs above its definitions, and that an answer may leave out."""


def unfenced(completion: str, before: str = "", entry_point: str = "", language: Language = "python") -> str:
    """The code of a completion, without the prose and the ``` fences round it.

    Args:
        completion: The model's text. Without a fence it is code already.
        before: Code that the completion may continue, such as a function's signature.
        entry_point: The function that is asked for: of several blocks, the first that defines it is taken.
        language: What the code is written in.
    """
    fence = FENCE.search(completion)
    if fence is None or _is_code(before, completion, language):
        return completion
    # A lone closing fence: the prompt opened it, or the model closed what was never open.
    if _is_code(before, completion[: fence.start()], language):
        return completion[: fence.start()]
    blocks: list[str] = BLOCK.findall(completion)
    defining = [block for block in blocks if defines(block, entry_point, language)]
    return next(iter(defining or blocks), completion)


def joined(before: str, code: str, entry_point: str, language: Language) -> str:
    """The whole program of a completion that goes on where `before` ends, or that is the whole program again.

    In Python a second definition may follow the first, which it replaces; in other languages it takes its place.
    """
    if not before or code.startswith(before.rstrip()):
        return code
    if language != "python" and defines(code, entry_point, language):
        header = HEADER[language]
        missing = [line for line in before.splitlines() if header and line.startswith(header)]
        return lines("\n".join(line for line in missing if line not in code)) + code
    return before + code if code[:1].isspace() else lines(before) + code


def defines(code: str, entry_point: str, language: Language) -> bool:
    """Whether the code defines the function."""
    if not entry_point:
        return False
    pattern = DEFINITIONS[language].replace("{name}", re.escape(entry_point))
    return re.search(pattern, code, re.MULTILINE) is not None


def _is_code(before: str, text: str, language: Language) -> bool:
    """Whether `text` is code after `before`. Prose of one word parses as Python too, but is not code."""
    if not text.strip():
        return False
    if language != "python":
        # No parser here: a continuation is indented or closes what is open, and prose stands at the margin.
        first = next(iter(takewhile(str.strip, text.lstrip("\n").splitlines())), "")
        return bool(before) and FENCE.search(text) is None and first[:1] in (" ", "\t", "}")
    try:
        last = ast.parse(before + text).body[-1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not (isinstance(last, ast.Expr) and isinstance(last.value, ast.Name | ast.Constant))
