"""Experiments: one recipe in N arms, each arm with the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from rayboot.config.load import explain, load_recipe, read_mapping
from rayboot.config.recipe import NAME_PATTERN, Recipe
from rayboot.errors import UserError
from rayboot.values import Section

Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class Experiment(Section):
    """Grid of runs: every arm with every seed."""

    name: Name
    """Name of the folder below the recipe's `runs` that holds the runs and the results."""
    recipe: str
    """Path of a recipe, relative to the experiment's file, or name of a packaged recipe."""
    arms: dict[Name, tuple[str, ...]] = Field(min_length=1)
    """Arms by name; each is a list of recipe overrides, such as `algorithm.start=previous`."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Seeds of every arm. Arms are compared seed by seed."""
    baseline: str = ""
    """Name of the arm that the others are compared with; the first arm if empty."""

    @model_validator(mode="after")
    def _compares_what_there_is(self) -> Experiment:
        if self.baseline and self.baseline not in self.arms:
            raise ValueError(f"baseline {self.baseline!r} is not an arm; the arms are {', '.join(self.arms)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} must be distinct")
        return self

    @property
    def compared_with(self) -> str:
        """Name of the baseline arm."""
        return self.baseline or next(iter(self.arms))


class PlannedRun(Section):
    """One run of the grid."""

    arm: str
    seed: int
    recipe: Recipe


def load_experiment(path: str | Path) -> Experiment:
    """Read an experiment from YAML.

    Raise UserError if the file cannot be read, is not a YAML mapping, or breaks the schema.
    """
    try:
        return Experiment.model_validate(
            read_mapping(Path(path), "experiment", "name, recipe, arms and seeds")
        )
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in explain(error, Experiment))
        raise UserError(f"{path}: the experiment is not valid:\n{lines}") from None


def plan_runs(experiment: Experiment, recipe: Path, overrides: Sequence[str] = ()) -> list[PlannedRun]:
    """Return the runs, ordered by seed, then by arm: a temporary disturbance of the machine then affects all arms.

    Args:
        recipe: Path of the recipe.
        overrides: Overrides of all runs; those of an arm are applied after them.

    Raise UserError if an override is invalid, or sets `name` or `seed`.
    """
    for override in overrides:
        if override.partition("=")[0] in ("name", "seed"):
            raise UserError(
                f"{override}: the experiment sets name and seed of every run; remove this override"
            )
    runs = load_recipe(recipe, overrides).runs
    runs, mark, options = runs.partition("?") if "://" in runs else (runs, "", "")
    runs = f"{runs.rstrip('/')}/{experiment.name}{mark}{options}"
    planned = []
    for seed in experiment.seeds:
        for arm, own in experiment.arms.items():
            arm_overrides = [*overrides, *own, f"seed={seed}", f"name={arm}-{seed}", f"runs={runs}"]
            try:
                planned.append(PlannedRun(arm=arm, seed=seed, recipe=load_recipe(recipe, arm_overrides)))
            except UserError as error:
                raise UserError(f"arm {arm}: {error}") from None
    return planned
