"""Prompt templates as data: the packaged ones, one YAML file a family of benchmarks, and a user's in their place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

import yaml
from pydantic import ValidationError, model_validator

from rayboot.errors import UserError
from rayboot.problems import Problem
from rayboot.values import Frozen

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


CONTINUED = ("humaneval", "multilingual_humaneval", "mbxp", "bigcodebench")
"""Benchmarks whose starter code states the task, and that a completion continues."""


def template_name(problem: Problem) -> str:
    """The family that a problem's prompts belong to: the name of a packaged template."""
    if problem.buggy_code:
        return "fix"
    if problem.benchmark in CONTINUED:
        return "humaneval" if problem.language == "python" else problem.language
    return "apps" if problem.benchmark == "apps" else "default"


class TemplateLibrary:
    """A template for each problem.

    Args:
        replaced: By the name of a packaged template, the file (YAML) or the other packaged template that is used in its
            place. Pieces that a file leaves out stay as the packaged template has them.

    Raises:
        UserError: There is no such template or file, or a file is not a template.
    """

    def __init__(self, replaced: Mapping[str, str] | None = None) -> None:
        self._pieces = dict(_packaged())
        for name, place in (replaced or {}).items():
            if name not in self._pieces:
                near = difflib.get_close_matches(name, self._pieces, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self._pieces))}"
                raise UserError(f"prompts.templates: there is no template {name!r} to replace: {hint}")
            other = _packaged().get(place)
            self._pieces[name] = other or _merged(self._pieces[name], _read(Path(place).expanduser()))
        self._templates = {
            name: _template(pieces, (replaced or {}).get(name, name)) for name, pieces in self._pieces.items()
        }

    def __call__(self, problem: Problem) -> PromptTemplate:
        """The template of a problem's family."""
        return self._templates[template_name(problem)]


@cache
def _packaged() -> Mapping[str, Mapping[str, Any]]:
    """Pieces by name; what a family leaves out is as in `default`."""
    folder = resources.files("rayboot.prompts") / "templates"
    files = {
        file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")
    }
    own: dict[str, dict[str, Any]] = {
        name: yaml.safe_load(file.read_text(encoding="utf-8")) for name, file in files.items()
    }
    return {name: _merged(own["default"], pieces) for name, pieces in sorted(own.items())}


def _merged(base: Mapping[str, Any], pieces: Mapping[str, Any]) -> dict[str, Any]:
    chat = pieces.get("chat", {})
    return {**base, **pieces, "chat": {**base["chat"], **chat} if isinstance(chat, Mapping) else chat}


def _read(path: Path) -> dict[str, Any]:
    try:
        pieces = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(_packaged())
        raise UserError(
            f"prompts.templates: there is no file {path}, and no template of that name: there are {known}"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"prompts.templates: {path} cannot be read as YAML: {error}") from None
    if not isinstance(pieces, dict):
        raise UserError(
            f"prompts.templates: {path} is no template, which has pieces such as first, repair and chat"
        )
    return pieces


def _template(pieces: Mapping[str, Any], where: str) -> PromptTemplate:
    try:
        return PromptTemplate.model_validate(pieces)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        known = [*PromptTemplate.model_fields]
        key = ".".join(map(str, first["loc"]))
        what = (
            f"unknown piece {key}; there are {', '.join(known)}" if first["type"] == "extra_forbidden" else ""
        )
        message = what or ": ".join(filter(None, (key, first["msg"].removeprefix("Value error, "))))
        raise UserError(f"prompts.templates: {where}: {message}") from None
