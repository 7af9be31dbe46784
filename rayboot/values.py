"""Base classes of immutable values."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

JsonObject = dict[str, Any]
"""A parsed JSON or YAML object that no model has validated."""


class Frozen(BaseModel):
    """An immutable value without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Section(Frozen):
    """A section of a recipe: its numbers are finite, and true and false are not numbers."""

    model_config = ConfigDict(allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_boolean_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and any(
            member in (int, float) for member in (annotation, *get_args(annotation))
        ):
            raise ValueError(
                "must be a number, not true or false (YAML reads yes, no, on and off as these, too)"
            )
        return value
