"""The page of recipe options is the one that the models make."""

from __future__ import annotations

from pathlib import Path

from rayboot.config.reference import reference


def test_the_documented_options_are_the_real_ones() -> None:
    page = Path(__file__).parents[2] / "docs" / "recipes.md"
    assert page.read_text() == reference(), "run: python -m rayboot.config.reference > docs/recipes.md"
