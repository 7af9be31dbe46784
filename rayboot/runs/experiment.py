"""Run an experiment: every arm with every seed, and one table of the arms over seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from rayboot.config import Experiment, PlannedRun, plan_runs
from rayboot.errors import UserError
from rayboot.metrics import Interval, MetricsRow, headline_split
from rayboot.metrics.intervals import paired_by_seed
from rayboot.pools.cluster import connected, required_resources
from rayboot.pools.resources import Resources
from rayboot.recipes import resolve_recipe
from rayboot.runs.launch import run_recipe
from rayboot.stages.observer import Observer
from rayboot.storage import Storage
from rayboot.values import Frozen


class RunResult(Frozen):
    """One run, by its best iteration as validation chose it."""

    arm: str
    seed: int
    best_iteration: int
    split: str
    """What was measured: `test`, or `validation` where there is no test set."""
    pass_at_1: float
    repair_at_1: float
    curve: tuple[float, ...]
    """pass@1 of each iteration, the pretrained model's first."""
    seconds: float
    """Of all stages of all iterations."""
    tokens: int
    """Prompt and completion tokens of all attempts, evaluation included."""
    problems: int = 0
    """Problems of the split."""


def run_result(arm: str, seed: int, rows: Sequence[MetricsRow], best_iteration: int) -> RunResult:
    """The result of a run, from the rows of its metrics.jsonl."""
    split = headline_split(rows) or "validation"
    measured = {row.iteration: row for row in rows if row.split == split}
    best = measured[best_iteration]
    return RunResult(
        arm=arm,
        seed=seed,
        best_iteration=best_iteration,
        split=split,
        pass_at_1=best.rates["pass@1"],
        repair_at_1=best.rates["repair@1"],
        curve=tuple(measured[iteration].rates["pass@1"] for iteration in sorted(measured)),
        seconds=sum(sum(row.stage_seconds.values()) for row in measured.values()),
        tokens=sum(row.tokens for row in rows),
        problems=best.problems or 0,
    )


def grid_tables(results: Sequence[RunResult], baseline: str) -> str:
    """Markdown: a row for each arm, with paired differences to the baseline, and pass@1 by iteration."""
    arms = list(dict.fromkeys(result.arm for result in results))
    by_arm = {arm: [result for result in results if result.arm == arm] for arm in arms}
    seeds, split = len(by_arm[arms[0]]), results[0].split
    lines = [
        f"Means over {seeds} seeds, ± their standard deviation, on {split} at the iteration that validation chose. "
        f"Differences to {baseline} are paired by seed, with Student's 95 % interval.",
        "",
        "| arm | pass@1 | repair@1 | seconds | tokens | pass@1 difference | repair@1 difference | seconds difference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm, runs in by_arm.items():
        cells = [
            arm,
            _share([run.pass_at_1 for run in runs]),
            _share([run.repair_at_1 for run in runs]),
            _number([run.seconds for run in runs]),
            _number([float(run.tokens) for run in runs]),
            *(_difference(runs, by_arm[baseline], name) for name in ("pass_at_1", "repair_at_1", "seconds")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_curves(by_arm)]) + "\n"


def _curves(by_arm: Mapping[str, Sequence[RunResult]]) -> list[str]:
    last = max(len(run.curve) for runs in by_arm.values() for run in runs)
    lines = [
        "| pass@1 after iteration | " + " | ".join(map(str, range(last))) + " |",
        "|---" * (last + 1) + "|",
    ]
    for arm, runs in by_arm.items():
        points = [[run.curve[number] for run in runs if number < len(run.curve)] for number in range(last)]
        lines.append(f"| {arm} | " + " | ".join(_share(each) if each else "" for each in points) + " |")
    return lines


def _difference(ours: Sequence[RunResult], theirs: Sequence[RunResult], name: str) -> str:
    if ours is theirs:
        return "baseline"
    our, their = ({run.seed: getattr(run, name) for run in runs} for runs in (ours, theirs))
    problems = 0 if name == "seconds" else min(run.problems for run in (*ours, *theirs))
    return _signed(paired_by_seed(our, their, problems), "seconds" if name == "seconds" else "share")


def _signed(interval: Interval, unit: str) -> str:
    scale, digits = (100, 1) if unit == "share" else (1, 0)
    mean, low, high = (
        f"{scale * value:+.{digits}f}" for value in (interval.mean, interval.low, interval.high)
    )
    return f"{mean} [{low}, {high}]"


def _share(values: Sequence[float]) -> str:
    return f"{100 * fmean(values):.1f} % ± {100 * _deviation(values):.1f}"


def _number(values: Sequence[float]) -> str:
    return f"{fmean(values):,.0f} ± {_deviation(values):,.0f}"


def _deviation(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


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
