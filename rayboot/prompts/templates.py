"""Prompt templates as data, packaged or a user's own, and what they show of a problem."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import get_args

import yaml
from pydantic import ValidationError, model_validator

from rayboot.errors import UserError
from rayboot.problems import AssertTest, CallTest, Problem, ScriptTest, StdioTest, Test
from rayboot.problems.types import Language
from rayboot.prompts.source import whole_lines
from rayboot.values import Frozen

_TASK_FIELDS = frozenset(
    {"statement", "starter_code", "tests", "buggy_code", "interface", "language", "entry_point"}
)
"""Placeholders for a problem's fields: see `task_fields`."""
_STATEMENT_FIELDS = frozenset({"statement", "starter_code"})
_CONTINUED = ("humaneval", "multilingual_humaneval", "mbxp", "bigcodebench")
"""Benchmarks whose starter code states the task, and is continued by the completion."""

Pieces = Mapping[str, object]
"""A template before it is validated."""


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
        _check("chat.ask", self.ask, _TASK_FIELDS)
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
        _check("first", self.first, _TASK_FIELDS, {"starter_code"} if self.continues else ())
        _check("example", self.example, frozenset({"first", "solution"}), {"first", "solution"})
        _check("repair", self.repair, _TASK_FIELDS | {"first", "program", "feedback"}, {"first", "program"})
        return self


def _check(piece: str, text: str, known: frozenset[str], required: Collection[str] = ()) -> None:
    try:
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"{piece} is not a template ({error}): write a literal brace twice") from None
    if unknown := used - known:
        raise ValueError(f"{piece} has unknown placeholders {sorted(unknown)}; known are {sorted(known)}")
    if missing := [name for name in required if name not in used]:
        raise ValueError(f"{piece} lacks the placeholder {{{missing[0]}}}")
    if known == _TASK_FIELDS and not used & _STATEMENT_FIELDS:
        raise ValueError(f"{piece} lacks the placeholder {{statement}}")


def template_name(problem: Problem) -> str:
    """Return the family of a problem's prompts: the name of a packaged template."""
    if problem.buggy_code:
        return "fix"
    if problem.benchmark in _CONTINUED:
        return "humaneval" if problem.language == "python" else problem.language
    return "apps" if problem.benchmark == "apps" else "default"


class TemplateLibrary:
    """Templates by problem.

    `replaced` has replacements by the name of a packaged template: a YAML file, or the name of another packaged
    template. Pieces that a file leaves out are those of the packaged template. Raise UserError if there is no such
    template or file, or if a file is not a template.
    """

    def __init__(self, replaced: Mapping[str, str] = {}) -> None:
        pieces = dict(_packaged())
        for name, source in replaced.items():
            if name not in pieces:
                near = difflib.get_close_matches(name, pieces, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(pieces)}"
                raise UserError(f"prompts.templates: there is no template {name!r} to replace: {hint}")
            pieces[name] = _packaged().get(source) or _merged(pieces[name], _read(Path(source).expanduser()))
        self._templates = {name: _template(each, replaced.get(name, name)) for name, each in pieces.items()}

    def __call__(self, problem: Problem) -> PromptTemplate:
        """Return the template of a problem's family."""
        return self._templates[template_name(problem)]


@cache
def _packaged() -> Mapping[str, Pieces]:
    """Return the pieces of all packaged templates by name.

    Pieces that a file leaves out are those of `default`, or of `humaneval` if it is for a language.
    """
    folder = resources.files("rayboot.prompts") / "templates"
    files: dict[str, Pieces] = {
        file.name.removesuffix(".yaml"): yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    }
    default = files["default"]
    humaneval = _merged(default, files["humaneval"])
    languages = get_args(Language)
    return {
        name: _merged(humaneval if name in languages else default, pieces) for name, pieces in files.items()
    }


def _merged(base: Pieces, pieces: Pieces) -> Pieces:
    chat, base_chat = pieces.get("chat", {}), base["chat"]
    if isinstance(chat, Mapping) and isinstance(base_chat, Mapping):
        chat = {**base_chat, **chat}
    return {**base, **pieces, "chat": chat}


def _read(path: Path) -> Pieces:
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


def _template(pieces: Pieces, where: str) -> PromptTemplate:
    try:
        return PromptTemplate.model_validate(pieces)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        message = ": ".join(filter(None, (key, first["msg"].removeprefix("Value error, "))))
        if first["type"] == "extra_forbidden":
            message = f"unknown piece {key}; there are {', '.join(PromptTemplate.model_fields)}"
        raise UserError(f"prompts.templates: {where}: {message}") from None


def task_fields(problem: Problem) -> dict[str, str]:
    """Return the values of a template's placeholders for the problem.

    `starter_code`, `tests` (the public ones), `buggy_code` and `interface` (how the program is called) are whole lines,
    or empty.
    """
    return {
        "statement": problem.statement,
        "starter_code": whole_lines(problem.starter_code),
        "tests": whole_lines("\n".join(show_test(problem, test) for test in problem.public_tests)),
        "buggy_code": whole_lines(problem.buggy_code),
        "interface": whole_lines(_interface(problem)),
        "language": problem.language,
        "entry_point": problem.entry_point,
    }


def show_test(problem: Problem, test: Test) -> str:
    """Return one test as text: a line of Python, or an example of input and output. It has no newline at the end."""
    match test:
        case StdioTest():
            return f"Input:\n{test.stdin.rstrip()}\nOutput:\n{test.stdout.rstrip()}"
        case CallTest():
            return f"assert {problem.entry_point}({', '.join(map(repr, test.args))}) == {test.expected!r}"
        case AssertTest() | ScriptTest():
            return test.code.strip()


def _interface(problem: Problem) -> str:
    if problem.entry_point:
        return f"The function is called {problem.entry_point}."
    if isinstance(problem.tests[0], StdioTest):
        return "The program reads standard input and prints the answer."
    return ""
