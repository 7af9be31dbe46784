"""Recipes and models that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

QUICKSTART = "quickstart"


def packaged(name: str) -> Path:
    """Path of a packaged file or folder."""
    return Path(str(files(__name__) / name))


def resolve_model(model: str) -> str:
    """The directory of the packaged seed model for `quickstart`; any other name as it is."""
    return str(packaged("quickstart/seed_model")) if model == QUICKSTART else model


def resolve_recipe(recipe: str) -> Path:
    """Path of a recipe: a file of the user's, or the name of a packaged one, such as `quickstart`."""
    own = packaged(f"{recipe}.yaml")
    return own if own.is_file() and not Path(recipe).exists() else Path(recipe)
