"""Run an experiment: every arm with every seed, and a table that compares the arms over seeds."""

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
    """Result of one run: the metrics of its best iteration, which validation chose."""

    arm: str
    seed: int
    best_iteration: int
    split: str
    """Split of the metrics: `test`, or `validation` without a test set."""
    pass_at_1: float
    repair_at_1: float
    curve: tuple[float, ...]
    """pass@1 of each iteration, from the pretrained model on."""
    seconds: float
    """Wall-clock seconds of all stages of all iterations."""
    tokens: int
    """Prompt and completion tokens of all attempts, including evaluations."""
    problems: int = 0
    """Number of problems of the split."""


def run_result(arm: str, seed: int, rows: Sequence[MetricsRow], best_iteration: int) -> RunResult:
    """Return the result of a run from its rows of metrics.jsonl."""
    split = headline_split(rows) or "validation"
    by_iteration = {row.iteration: row for row in rows if row.split == split}
    best = by_iteration[best_iteration]
    return RunResult(
        arm=arm,
        seed=seed,
        best_iteration=best_iteration,
        split=split,
        pass_at_1=best.rates["pass@1"],
        repair_at_1=best.rates["repair@1"],
        curve=tuple(by_iteration[iteration].rates["pass@1"] for iteration in sorted(by_iteration)),
        seconds=sum(sum(row.stage_seconds.values()) for row in by_iteration.values()),
        tokens=sum(row.tokens for row in rows),
        problems=best.problems or 0,
    )


def grid_tables(results: Sequence[RunResult], baseline: str) -> str:
    """Return two Markdown tables: arms with paired differences to the baseline, and pass@1 by iteration."""
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
        lines.append(f"| {arm} | " + " | ".join(_share(values) if values else "" for values in points) + " |")
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


RunListener = Callable[[int, int, PlannedRun], None]
"""Called before each run with its number from 1, the number of runs, and the run."""


class ExperimentOutcome(Frozen):
    """Results of a finished experiment."""

    results: tuple[RunResult, ...]
    tables: str
    """Markdown."""
    folder: str
    """Path or URI of the folder with the runs, `results.md` and `results.jsonl`."""


def planned(experiment: Experiment, file: Path, overrides: Sequence[str]) -> list[PlannedRun]:
    """Return the runs of an experiment that was read from `file`.

    Raise UserError if the recipe or an override is wrong.
    """
    beside = file.parent / experiment.recipe
    return plan_runs(experiment, beside if beside.is_file() else resolve_recipe(experiment.recipe), overrides)


def run_experiment(
    experiment: Experiment, runs: Sequence[PlannedRun], observer: Observer, resume: bool, begin: RunListener
) -> ExperimentOutcome:
    """Execute the runs one after the other, and compare the arms.

    Args:
        resume: Read finished runs back, and resume an unfinished one.

    Raise UserError if the experiment's folder holds runs and `resume` is false; or something in a recipe is wrong.
    Raise RaybootError if a stage failed. Finished stages are kept, and `resume` continues after them.
    """
    storage = Storage(runs[0].recipe.runs)
    if not resume and any(storage.exists(f"{run.recipe.name}/recipe.yaml") for run in runs):
        raise UserError(f"{storage.uri('')} has runs of this experiment already: go on with --resume")
    results = []
    with connected(_peak_resources(runs)):
        for number, run in enumerate(runs, 1):
            begin(number, len(runs), run)
            outcome = run_recipe(run.recipe, observer, resume)
            results.append(run_result(run.arm, run.seed, outcome.rows, outcome.best_iteration))
    tables = grid_tables(results, experiment.compared_with)
    storage.write_text("results.jsonl", "".join(json.dumps(row.model_dump()) + "\n" for row in results))
    storage.write_text("results.md", f"# {experiment.name}\n\n{tables}")
    return ExperimentOutcome(results=tuple(results), tables=tables, folder=storage.uri(""))


def _peak_resources(runs: Sequence[PlannedRun]) -> Resources:
    """Return the largest request of any run for each kind of resource: one run executes at a time."""
    requests = [required_resources(run.recipe) for run in runs]
    return {kind: max(request[kind] for request in requests) for kind in requests[0]}
