"""What all sections of a recipe have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a recipe: strict about keys, frozen once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
