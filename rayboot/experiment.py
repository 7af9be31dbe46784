"""Run an experiment: every arm with every seed, and one table at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from rayboot.cluster import connected, required_resources
from rayboot.config import Experiment, PlannedRun, plan_runs
from rayboot.errors import UserError
from rayboot.evaluation.grid import RunResult, grid_tables, run_result
from rayboot.launch import run_recipe
from rayboot.observer import Observer
from rayboot.problems.types import Frozen
from rayboot.recipes import resolve_recipe
from rayboot.resources import Resources
from rayboot.storage import Storage

Begin = Callable[[int, int, PlannedRun], None]
"""Told before each run: its number from 1, how many there are, and the run."""


class ExperimentOutcome(Frozen):
    """What a finished experiment leaves."""

    results: tuple[RunResult, ...]
    tables: str
    """Markdown."""
    folder: str
    """Where the runs lie, with `results.md` and `results.jsonl`."""


def planned(experiment: Experiment, file: Path, overrides: Sequence[str]) -> list[PlannedRun]:
    """The runs of an experiment that was read from `file`.

    Raises:
        UserError: The recipe or an override is wrong.
    """
    beside = file.parent / experiment.recipe
    return plan_runs(experiment, beside if beside.is_file() else resolve_recipe(experiment.recipe), overrides)


def run_experiment(
    experiment: Experiment, runs: Sequence[PlannedRun], observer: Observer, resume: bool, begin: Begin
) -> ExperimentOutcome:
    """Do the runs one after the other, and compare the arms.

    Args:
        resume: Read finished runs back, and go on in an unfinished one.

    Raises:
        UserError: The experiment's folder exists and `resume` is false; or something in a recipe is wrong.
        RaybootError: A stage failed. What is finished is kept, and `resume` goes on from there.
    """
    storage = Storage(runs[0].recipe.runs)
    if not resume and any(storage.exists(f"{run.recipe.name}/recipe.yaml") for run in runs):
        raise UserError(f"{storage.uri('')} has runs of this experiment already: go on with --resume")
    results = []
    with connected(_most(runs)):
        for number, run in enumerate(runs, 1):
            begin(number, len(runs), run)
            outcome = run_recipe(run.recipe, observer, resume)
            results.append(run_result(run.arm, run.seed, outcome.rows, outcome.best_iteration))
    tables = grid_tables(results, experiment.compared_with)
    storage.write_text("results.jsonl", "".join(json.dumps(row.model_dump()) + "\n" for row in results))
    storage.write_text("results.md", f"# {experiment.name}\n\n{tables}")
    return ExperimentOutcome(results=tuple(results), tables=tables, folder=storage.uri(""))


def _most(runs: Sequence[PlannedRun]) -> Resources:
    """What the most demanding run asks of Ray: the runs take turns."""
    asked = [required_resources(run.recipe) for run in runs]
    return {kind: max(each[kind] for each in asked) for kind in asked[0]}
