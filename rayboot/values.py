"""Base classes of values, which are never changed after they were made."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Frozen(BaseModel):
    """A value that knows no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Section(Frozen):
    """A part of a recipe: its numbers are finite, and true and false are none."""

    model_config = ConfigDict(allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and any(each in (int, float) for each in (kind, *get_args(kind))):
            raise ValueError("must be a number, not true or false, as yes, no, on and off are in YAML, too")
        return value
