"""Prompt templates as data: packaged ones, a YAML file per family of benchmarks, and a user's replacements."""

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
"""Placeholders for a problem's fields.

`starter_code`, `tests` (the public ones), `buggy_code` and `interface` (how the program is called) are whole lines, or
empty.
"""
STATEMENT_FIELDS = frozenset({"statement", "starter_code"})


class ChatTemplate(Frozen):
    """Messages of a chat, which the tokenizer's own template renders as text."""

    ask: str
    """The user's first message."""
    answer: str
    """The assistant's message: the solution of a worked example, the program to repair, or the completion to train."""
    again: str
    """The user's answer to a failing program."""

    @model_validator(mode="after")
    def _check_placeholders(self) -> ChatTemplate:
        _check("chat.ask", self.ask, TASK_FIELDS)
        _check("chat.answer", self.answer, frozenset({"solution", "language"}), {"solution"})
        _check("chat.again", self.again, frozenset({"feedback", "language"}), {"feedback"})
        return self


class PromptTemplate(Frozen):
    """Renders a problem, a failing program and feedback as text.

    The pieces are `str.format` strings. Unknown placeholders are errors when the template is created.
    """

    first: str
    """The first prompt, in plain text."""
    example: str
    """A worked example, which precedes the first prompt: the first prompt of another problem, and its solution."""
    repair: str
    """The repair prompt: the first prompt with its examples, the failing completion, and the feedback."""
    stop: tuple[str, ...]
    """Strings that end a completion of plain text."""
    continues: bool = False
    """Whether the completion continues the starter code, as in HumanEval. The starter code has the statement."""
    max_program_chars: int = 1000
    """Maximum characters of the failing program in a repair prompt; the rest of its tail is cut."""
    chat: ChatTemplate

    @model_validator(mode="after")
    def _check_placeholders(self) -> PromptTemplate:
        _check("first", self.first, TASK_FIELDS, {"starter_code"} if self.continues else set())
        _check("example", self.example, frozenset({"first", "solution"}), {"first", "solution"})
        _check("repair", self.repair, TASK_FIELDS | {"first", "program", "feedback"}, {"first", "program"})
        return self


def _check(piece: str, text: str, known: frozenset[str], required: set[str] | None = None) -> None:
    try:
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"{piece} is not a template ({error}): write a literal brace twice") from None
    if unknown := used - known:
        raise ValueError(f"{piece} has unknown placeholders {sorted(unknown)}; known are {sorted(known)}")
    if missing := (required or set()) - used:
        raise ValueError(f"{piece} lacks the placeholder {{{missing.pop()}}}")
    if known == TASK_FIELDS and not used & STATEMENT_FIELDS:
        raise ValueError(f"{piece} lacks the placeholder {{statement}}")


CONTINUED = ("humaneval", "multilingual_humaneval", "mbxp", "bigcodebench")
"""Benchmarks whose starter code states the task, and is continued by the completion."""


def template_name(problem: Problem) -> str:
    """Return the family of a problem's prompts: the name of a packaged template."""
    if problem.buggy_code:
        return "fix"
    if problem.benchmark in CONTINUED:
        return "humaneval" if problem.language == "python" else problem.language
    return "apps" if problem.benchmark == "apps" else "default"


class TemplateLibrary:
    """Templates by problem.

    Args:
        replaced: Replacements by the name of a packaged template: a YAML file, or the name of another packaged
            template. Pieces that a file leaves out are those of the packaged template.

    Raises:
        UserError: There is no such template or file, or a file is not a template.
    """

    def __init__(self, replaced: Mapping[str, str] | None = None) -> None:
        self._pieces = dict(_packaged())
        for name, source in (replaced or {}).items():
            if name not in self._pieces:
                near = difflib.get_close_matches(name, self._pieces, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self._pieces))}"
                raise UserError(f"prompts.templates: there is no template {name!r} to replace: {hint}")
            packaged = _packaged().get(source)
            self._pieces[name] = packaged or _merged(self._pieces[name], _read(Path(source).expanduser()))
        self._templates = {
            name: _template(pieces, (replaced or {}).get(name, name)) for name, pieces in self._pieces.items()
        }

    def __call__(self, problem: Problem) -> PromptTemplate:
        """Return the template of a problem's family."""
        return self._templates[template_name(problem)]


@cache
def _packaged() -> Mapping[str, Mapping[str, Any]]:
    """Return the pieces of all packaged templates by name. Pieces that a family leaves out are those of `default`."""
    folder = resources.files("rayboot.prompts") / "templates"
    files = {
        file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")
    }
    templates: dict[str, dict[str, Any]] = {
        name: yaml.safe_load(file.read_text(encoding="utf-8")) for name, file in files.items()
    }
    return {name: _merged(templates["default"], pieces) for name, pieces in sorted(templates.items())}


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
            f"prompts.templates: {path} is not a template: expected pieces such as first, repair and chat"
        )
    return pieces


def _template(pieces: Mapping[str, Any], where: str) -> PromptTemplate:
    try:
        return PromptTemplate.model_validate(pieces)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        known = [*PromptTemplate.model_fields]
        key = ".".join(map(str, first["loc"]))
        unknown = (
            f"unknown piece {key}; there are {', '.join(known)}" if first["type"] == "extra_forbidden" else ""
        )
        message = unknown or ": ".join(filter(None, (key, first["msg"].removeprefix("Value error, "))))
        raise UserError(f"prompts.templates: {where}: {message}") from None
