"""What all sections of a recipe have in common."""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A part of a recipe: strict about keys, frozen once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, or may hold."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
