"""The packaged templates, one YAML file a family of benchmarks, and those that a user puts in their place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rayboot.errors import UserError
from rayboot.problems.types import Problem
from rayboot.prompts.template import PromptTemplate

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
