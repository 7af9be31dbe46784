"""Read a recipe from YAML and command-line overrides, with errors that name the key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from rayboot.config.recipe import Recipe
from rayboot.errors import UserError
from rayboot.values import JsonObject

ROLE = "ROLE"
"""Stands for any role in the name of an option."""

MOVED = {
    "mode": "unknown key; write algorithm: {type: drboot, feedback: full}, or feedback simple, or none for mode plain; "
    "or algorithm: {type: finetune}",
    "iterations": "unknown key; write algorithm.iterations",
    "training.from": "unknown key; write algorithm.start",
}
"""Options of earlier versions, with their replacements."""


def upgraded(recipe: JsonObject) -> JsonObject:
    """Convert the recipe of a run by an earlier version: move `mode` and related keys to section `algorithm`."""
    if "mode" not in recipe:
        return recipe
    training = dict(recipe.get("training") or {})
    algorithm = {
        "type": "finetune" if recipe["mode"] == "finetune" else "drboot",
        "iterations": recipe.get("iterations", 3),
        "start": training.pop("from", "pretrained"),
    }
    if recipe["mode"] != "finetune":
        algorithm["feedback"] = "none" if recipe["mode"] == "plain" else recipe["mode"]
    rest = {key: value for key, value in recipe.items() if key not in ("mode", "iterations", "training")}
    return {**rest, "algorithm": algorithm, **({"training": training} if training else {})}


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read the recipe at `path` and apply overrides such as `training.lr=1e-5` (values are YAML).

    Raise UserError if the file cannot be read, is not a YAML mapping, or breaks the schema, or if the engine supports
    evaluation alone. The message names the file, each wrong key and, for an unknown key, the nearest valid one.
    """
    recipe = recipe_from(
        read_mapping(Path(path), "recipe", "name, problems and policy"), overrides, str(path)
    )
    recipe.require_weights()
    return recipe


def recipe_from(data: JsonObject, overrides: Sequence[str], where: str) -> Recipe:
    """Build a recipe from parsed YAML and overrides; errors name `where`, the source of the data.

    Raise UserError as `load_recipe` does.
    """
    for override in overrides:
        _apply_override(data, override)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in explain(error, Recipe))
        raise UserError(f"{where}: the recipe is not valid:\n{lines}") from None


def recipe_yaml(recipe: Recipe) -> str:
    """Return the resolved recipe, defaults included, as YAML that `load_recipe` reads back."""
    return yaml.safe_dump(recipe.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)


def read_mapping(path: Path, what: str, keys: str) -> JsonObject:
    """Read the mapping in a YAML file; errors describe it by `what` and the main `keys`.

    Raise UserError if the file cannot be read, or is not a YAML mapping.
    """
    try:
        data = yaml.load(path.read_text(), _KeysOnce)
    except OSError as error:
        raise UserError(f"{path}: the {what} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected a YAML mapping with keys such as {keys}")
    return data


class _KeysOnce(yaml.SafeLoader):
    """Loader that rejects duplicate keys: YAML forbids them, and PyYAML keeps the last value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _apply_override(data: JsonObject, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"{override!r} is not an override; write KEY=VALUE, such as training.lr=1e-5")
    try:
        value = yaml.load(text, _KeysOnce)
    except yaml.YAMLError as error:
        raise UserError(f"override {key}: {text!r} is not valid YAML: {error}") from None
    *sections, name = key.split(".")
    for section in sections:
        if data.get(section) is None:
            data[section] = {}
        data = data[section]
        if not isinstance(data, dict):
            raise UserError(f"override {key}: {section} is a value, not a section")
    data[name] = value


def explain(error: ValidationError, schema: type[BaseModel]) -> Iterator[str]:
    """Yield one line per violation of the schema; each names the key."""
    for issue in error.errors(include_url=False):
        location, algorithm = issue["loc"], ""
        if location[:1] == ("algorithm",) and len(location) > 1:
            _, algorithm, *options = map(str, location)
            location = ("algorithm", *options)
        key = ".".join(str(part) for part in location)
        if issue["type"] == "extra_forbidden" and algorithm and key in dict(_valid_keys(schema)):
            yield (
                f"{key}: algorithm {algorithm} has no such option; algorithm={{type: {algorithm}}} replaces the section"
            )
        elif issue["type"] == "extra_forbidden":
            moved, near = MOVED.get(key) if schema is Recipe else None, _nearest(location, schema)
            yield f"{key}: " + (moved or "unknown key" + (f"; did you mean {near}?" if near else ""))
        elif issue["type"] == "union_tag_invalid":
            context = issue["ctx"]
            yield f"{key}.type: Input should be one of {context['expected_tags']} (given: {context['tag']!r})"
        elif issue["type"] == "union_tag_not_found":
            yield f"{key}: must be a section with a type, such as {{type: drboot}} (given: {issue['input']!r})"
        elif issue["type"] == "missing":
            yield f"{key}: required key is missing"
        else:
            message = issue["msg"].removeprefix("Value error, ")
            scalar = isinstance(issue["input"], str | int | float | bool | None)
            given = f" (given: {issue['input']!r})" if scalar else ""
            yield f"{key}: {message}{given}" if key else message


def _nearest(location: tuple[int | str, ...], schema: type[BaseModel]) -> str | None:
    """Return the valid key closest to the unknown one: first in the same section, then anywhere in the file."""
    *sections, unknown = (str(part) for part in location)
    valid = [key.replace(ROLE, sections[1]) if len(sections) > 1 else key for key, _ in _valid_keys(schema)]
    siblings = [key for key in valid if key.rpartition(".")[0] == ".".join(sections)]
    by_name = {key.rpartition(".")[2]: key for key in siblings}
    if near := difflib.get_close_matches(unknown, by_name, n=1, cutoff=0.6):
        return by_name[near[0]]
    elsewhere = {key.rpartition(".")[2]: key for key in valid}
    if near := difflib.get_close_matches(unknown, elsewhere, n=1, cutoff=0.75):
        return elsewhere[near[0]]
    return None


def _valid_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type]]:
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        yield key, object
        for section in sections_of(field):
            yield from _valid_keys(section, f"{key}.{ROLE}." if is_by_role(field) else f"{key}.")


def is_by_role(field: FieldInfo) -> bool:
    """Return whether the field is a mapping from roles to sections."""
    return get_origin(field.annotation) is dict


def sections_of(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the section classes among the types of a field."""
    kinds = [getattr(kind, "__origin__", kind) for kind in (field.annotation, *get_args(field.annotation))]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
