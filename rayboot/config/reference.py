"""Reference of all recipe options, from the models: `python -m rayboot.config.reference > docs/recipes.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rayboot.config.load import ROLE, is_by_role, sections_of
from rayboot.config.recipe import Recipe

HEAD = """# Recipes

A recipe is one YAML file that specifies a complete run. Unknown keys, wrong types, contradictory options and options
without effect are errors. `rayboot run RECIPE KEY=VALUE ...` overrides options, as in `training.lr=1e-5`; `--dry-run`
prints the resolved recipe and the resources that it requests from Ray.

This page is generated from the models in `rayboot/config/` and `rayboot/algorithms/`. Required options have no default.
"""


def reference() -> str:
    """Return the page as Markdown: one table for the top level and one per section."""
    return "\n".join([HEAD, "## Top level\n", *_tables(Recipe, "")]) + "\n"


def _tables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the table of the model's own options, then those of the sections below it."""
    sections = {name: found for name, field in model.model_fields.items() if (found := sections_of(field))}
    yield from _table(model, skip=set(sections))
    for name, choices in sections.items():
        by_role = is_by_role(model.model_fields[name])
        for section in choices:
            kind = f" (type: {section.model_fields['type'].default})" if len(choices) > 1 else ""
            key = f"{prefix}{name}.{ROLE}" if by_role else f"{prefix}{name}"
            yield from (f"\n## {key}{kind}\n", f"{_one_line(section.__doc__)}\n")
            if by_role:  # its sections have the options of others
                inner = {each for each, field in section.model_fields.items() if sections_of(field)}
                yield from _table(section, skip=inner)
            else:
                yield from _tables(section, f"{key}.")


def _table(model: type[BaseModel], skip: set[str]) -> Iterator[str]:
    yield "| option | values | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        if name not in skip:
            cells = (
                f"`{field.alias or name}`",
                _values(field.annotation),
                _default(field),
                _one_line(field.description),
            )
            yield "| " + " | ".join(cells) + " |"


def _values(annotation: Any) -> str:
    choices = get_args(annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(f"`{choice}`" for choice in choices)
    text = getattr(annotation, "__name__", "") if isinstance(annotation, type) else str(annotation)
    return re.sub(r"tuple\[(\w+), \.\.\.\]", r"list of \1", text.replace("|", "or").replace("None", "null"))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    words = {None: "null", True: "true", False: "false"}
    return f"`{words[value]}`" if value is None or isinstance(value, bool) else f"`{value}`"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")
