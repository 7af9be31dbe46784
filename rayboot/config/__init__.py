"""Recipes: pydantic models of everything that a run can be told. Imports neither Ray nor torch."""

from rayboot.config.load import load_recipe, recipe_from, recipe_yaml
from rayboot.config.recipe import Mode, Recipe
from rayboot.config.sections import (
    CurationConfig,
    EvaluationConfig,
    GenerationConfig,
    PolicyConfig,
    ProblemsConfig,
    RolloutConfig,
    SandboxConfig,
    TrainingConfig,
)

__all__ = [
    "CurationConfig",
    "EvaluationConfig",
    "GenerationConfig",
    "Mode",
    "PolicyConfig",
    "ProblemsConfig",
    "Recipe",
    "RolloutConfig",
    "SandboxConfig",
    "TrainingConfig",
    "load_recipe",
    "recipe_from",
    "recipe_yaml",
]
