"""What all sections of a recipe have in common."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A part of a recipe: strict about keys, frozen once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and any(each in (int, float) for each in (kind, *get_args(kind))):
            raise ValueError("must be a number, not true or false, as yes, no, on and off are in YAML, too")
        return value


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, or may hold."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
