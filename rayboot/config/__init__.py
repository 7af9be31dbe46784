"""Recipes: pydantic models of all options of a run. Imports neither Ray nor torch."""

from rayboot.config.experiment import Experiment, PlannedRun, load_experiment, plan_runs
from rayboot.config.generation import GenerationConfig, OpenAIConfig, VllmConfig
from rayboot.config.load import load_recipe, recipe_from, recipe_yaml, upgraded
from rayboot.config.recipe import POLICY, Recipe
from rayboot.config.sections import (
    CurationConfig,
    EvaluationConfig,
    ModelConfig,
    PolicyConfig,
    ProblemsConfig,
    ReplayConfig,
    RolloutConfig,
    SandboxConfig,
)
from rayboot.config.training import LoraConfig, TrainingConfig

__all__ = [
    "POLICY",
    "CurationConfig",
    "EvaluationConfig",
    "Experiment",
    "GenerationConfig",
    "LoraConfig",
    "ModelConfig",
    "OpenAIConfig",
    "PlannedRun",
    "PolicyConfig",
    "ProblemsConfig",
    "Recipe",
    "ReplayConfig",
    "RolloutConfig",
    "SandboxConfig",
    "TrainingConfig",
    "VllmConfig",
    "load_experiment",
    "load_recipe",
    "plan_runs",
    "recipe_from",
    "recipe_yaml",
    "upgraded",
]
