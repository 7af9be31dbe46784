"""The sections on pass@1, repair@1 and public tests over iterations."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.report.curves import STYLES, Point, Series, curve_figure, swatch
from rayboot.report.figure import Key, Section
from rayboot.report.read import SPLITS, RunRecord

METRICS = ("pass@1", "repair@1")
ROLES = {
    "test": "test problems",
    "validation": "validation problems",
    "train": "training problems",
}


def learning_section(runs: Sequence[RunRecord]) -> Section:
    """Return a section with pass@1 and repair@1.

    Of one run it has a panel for each split; of more runs, a panel for each split and metric, with a line for each run.
    """
    compares = len(runs) > 1
    figures = []
    for split in SPLITS:
        lines = {
            metric: [
                Series(run.label if compares else metric, _style(number if compares else column), points)
                for number, run in enumerate(runs)
                if (points := _points(run, split, metric))
            ]
            for column, metric in enumerate(METRICS)
        }
        if compares:
            panels = {f"{metric}, {ROLES[split]}": lines[metric] for metric in METRICS}
        else:
            panels = {ROLES[split].capitalize(): [series for metric in METRICS for series in lines[metric]]}
        # No mark on training problems, where the policy of the iteration before is measured.
        best = None if compares or split == "train" else runs[0].best
        figures += [curve_figure(title, series, best) for title, series in panels.items() if series]
    names = [run.label for run in runs] if compares else METRICS
    return Section(
        id="learning",
        title="What the model can do",
        text=(
            "pass@1 is the share of problems that a first attempt solves; repair@1 counts a problem as solved, too, "
            "when a repair of the failing attempt passes. Iteration 0 is the pretrained model; training problems are "
            "attempted by the policy at the start of an iteration. Bands are 95% intervals, by the bootstrap over "
            "problems: where the mean might lie with other problems of the same kind."
        ),
        figures=figures,
        legend=[Key(name, swatch(_style(number))) for number, name in enumerate(names)],
    )


def public_section(runs: Sequence[RunRecord]) -> Section:
    """Return a section with the share of programs that pass public tests alone, a line for each run and split."""
    lines = [
        (f"{run.label}, {ROLES[split]}" if len(runs) > 1 else ROLES[split], points)
        for run in runs
        for split in SPLITS
        if (points := _public_only(run, split))
    ]
    series = [Series(name, _style(number), points) for number, (name, points) in enumerate(lines)]
    return Section(
        id="public",
        title="Programs that pass public tests alone",
        text=(
            "The share of programs, repairs included, that pass all tests that prompts and feedback show and fail "
            "one that they do not. It grows when a model learns to satisfy the tests that it sees, whatever the "
            "task. Programs of problems with both kinds of tests count."
        ),
        figures=[curve_figure("Public tests passed, a hidden one failed", series)] if series else [],
        legend=[Key(line.name, swatch(line.style)) for line in series],
    )


def _points(run: RunRecord, split: str, metric: str) -> list[Point]:
    """Return the metric by iteration, with intervals where the attempts still exist."""
    points = []
    for iteration in run.iterations:
        row = run.row(iteration, split)
        if row and metric in row.rates:
            interval = run.interval(iteration, split, metric)
            bounds = (interval.low, interval.high) if interval else (None, None)
            points.append(Point(iteration, row.rates[metric], *bounds))
    return points


def _public_only(run: RunRecord, split: str) -> list[Point]:
    return [
        Point(number, row.public_only, *row.intervals["public_only"])
        for number in run.iterations
        if (row := run.row(number, split)) and row.public_only is not None
    ]


def _style(number: int) -> str:
    return f"c{number % STYLES}"
