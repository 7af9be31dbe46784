"""The pieces that prompts are made of, as data."""

from __future__ import annotations

from string import Formatter

from pydantic import model_validator

from rayboot.problems.types import Frozen

TASK_FIELDS = frozenset(
    {"statement", "starter_code", "tests", "buggy_code", "interface", "language", "entry_point"}
)
"""What is said of a problem. `starter_code`, `tests` (the public ones), `buggy_code` and `interface` (how the program
is called) are whole lines, or nothing."""
ONE_OF = frozenset({"statement", "starter_code"})


class ChatTemplate(Frozen):
    """The messages of a chat; the tokenizer's own template makes one text of them."""

    ask: str
    """The user's first message."""
    answer: str
    """The assistant's: a worked example's solution, the wrong program in a repair prompt, and what training teaches."""
    again: str
    """The user's answer to a wrong program."""

    @model_validator(mode="after")
    def _knows_its_placeholders(self) -> ChatTemplate:
        _check("chat.ask", self.ask, TASK_FIELDS)
        _check("chat.answer", self.answer, frozenset({"solution", "language"}), {"solution"})
        _check("chat.again", self.again, frozenset({"feedback", "language"}), {"feedback"})
        return self


class PromptTemplate(Frozen):
    """How a problem, a failing program and feedback become text.

    The pieces are `str.format` strings; an unknown placeholder is refused when the template is made.
    """

    first: str
    """The first prompt of plain text."""
    example: str
    """A worked example before the first prompt: an example problem's own first prompt and its solution."""
    repair: str
    """The repair prompt: the first prompt with its examples, the wrong completion, what was wrong with it."""
    stop: tuple[str, ...]
    """Texts that end a completion of plain text."""
    continues: bool = False
    """The completion goes on where the starter code ends, as in HumanEval. The starter code has the statement."""
    max_program_chars: int = 1000
    """Characters of the wrong program that a repair prompt shows at most; the rest of its tail is cut."""
    chat: ChatTemplate

    @model_validator(mode="after")
    def _knows_its_placeholders(self) -> PromptTemplate:
        _check("first", self.first, TASK_FIELDS, {"starter_code"} if self.continues else set())
        _check("example", self.example, frozenset({"first", "solution"}), {"first", "solution"})
        _check("repair", self.repair, TASK_FIELDS | {"first", "program", "feedback"}, {"first", "program"})
        return self


def _check(piece: str, text: str, known: frozenset[str], needed: set[str] | None = None) -> None:
    try:
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"{piece} is no template ({error}): a brace that is text is written twice") from None
    if unknown := used - known:
        raise ValueError(f"{piece} has unknown placeholders {sorted(unknown)}; known are {sorted(known)}")
    if missing := (needed or set()) - used:
        raise ValueError(f"{piece} lacks the placeholder {{{missing.pop()}}}")
    if known == TASK_FIELDS and not used & ONE_OF:
        raise ValueError(f"{piece} lacks the placeholder {{statement}}")
