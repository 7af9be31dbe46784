"""An experiment: one recipe in several arms, each with the same seeds."""

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
    """A grid of runs: every arm with every seed."""

    name: Name
    """Name of the folder, below the recipe's `runs`, that holds the runs and the results."""
    recipe: str
    """A recipe file, relative to this one, or the name of a packaged recipe."""
    arms: dict[Name, tuple[str, ...]] = Field(min_length=1)
    """By name, the overrides of the recipe that make an arm, such as `algorithm.start=previous`."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Every arm runs with each of them, so that arms can be compared seed by seed."""
    baseline: str = ""
    """The arm that the others are compared with; the first by default."""

    @model_validator(mode="after")
    def _compares_what_there_is(self) -> Experiment:
        if self.baseline and self.baseline not in self.arms:
            raise ValueError(f"baseline {self.baseline!r} is no arm; the arms are {', '.join(self.arms)}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)}: each must be there once")
        return self

    @property
    def compared_with(self) -> str:
        """The baseline's name."""
        return self.baseline or next(iter(self.arms))


class PlannedRun(Section):
    """One cell of the grid."""

    arm: str
    seed: int
    recipe: Recipe


def load_experiment(path: str | Path) -> Experiment:
    """Read an experiment from YAML.

    Raises:
        UserError: The file cannot be read, is not a YAML mapping, or breaks the schema.
    """
    try:
        return Experiment.model_validate(
            read_mapping(Path(path), "experiment", "name, recipe, arms and seeds")
        )
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in explain(error, Experiment))
        raise UserError(f"{path}: the experiment is not valid:\n{lines}") from None


def plan_runs(experiment: Experiment, recipe: Path, overrides: Sequence[str] = ()) -> list[PlannedRun]:
    """The runs, all arms of a seed after one another: what disturbs the machine for a while then disturbs them alike.

    Args:
        recipe: The recipe's file.
        overrides: For all runs; an arm's own come after them.

    Raises:
        UserError: An override is wrong, or sets what the experiment decides.
    """
    for override in overrides:
        if override.partition("=")[0] in ("name", "seed"):
            raise UserError(f"{override}: an experiment names and seeds its runs itself")
    runs = load_recipe(recipe, overrides).runs
    runs, mark, options = runs.partition("?") if "://" in runs else (runs, "", "")
    runs = f"{runs.rstrip('/')}/{experiment.name}{mark}{options}"
    return [
        PlannedRun(
            arm=arm,
            seed=seed,
            recipe=load_recipe(
                recipe,
                [*overrides, *own, f"seed={seed}", f"name={arm}-{seed}", f"runs={runs}"],
            ),
        )
        for seed in experiment.seeds
        for arm, own in experiment.arms.items()
    ]
