"""The sections on pass@1, repair@1 and public tests over iterations."""

from __future__ import annotations

from collections.abc import Sequence

from rayboot.report.curves import STYLES, Point, Series, curve_chart, swatch
from rayboot.report.figure import Figure, Key, Section, Table
from rayboot.report.outcomes import Measures, interval
from rayboot.report.read import SPLITS, RunRecord
from rayboot.report.words import ABSENT, percent

METRICS = ("pass@1", "repair@1")
ROLES = {
    "test": "test problems",
    "validation": "validation problems",
    "train": "training problems",
}


def learning_section(runs: Sequence[RunRecord], measured: Sequence[Measures]) -> Section | None:
    """Return a section with pass@1 and repair@1; None without any metrics.

    Of one run it has a panel for each split; of more runs, a panel for each split and metric, with a line for each run.
    """
    compares = len(runs) > 1
    panels: list[tuple[str, list[Series]]] = []
    for split in SPLITS:
        lines = {
            metric: [
                Series(run.label if compares else metric, _style(number if compares else column), points)
                for number, run in enumerate(runs)
                if (points := _points(run, measured[number], split, metric))
            ]
            for column, metric in enumerate(METRICS)
        }
        if compares:
            panels += [(f"{metric}, {ROLES[split]}", lines[metric]) for metric in METRICS]
        else:
            panels.append(
                (_sentence(ROLES[split]), [series for metric in METRICS for series in lines[metric]])
            )
    figures = [
        Figure(
            title, curve_chart(title, series, None if compares else _chosen(runs[0], title)), _table(series)
        )
        for title, series in panels
        if series
    ]
    if not figures:
        return None
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


def public_section(runs: Sequence[RunRecord]) -> Section | None:
    """Return a section with the share of programs that pass public tests alone; None without any metrics.

    It has a line for each run and split.
    """
    series = [
        Series(f"{run.label}, {ROLES[split]}" if len(runs) > 1 else ROLES[split], "", points)
        for run in runs
        for split in SPLITS
        if (points := _public_only(run, split))
    ]
    if not series:
        return None
    series = [line._replace(style=_style(number)) for number, line in enumerate(series)]
    title = "Public tests passed, a hidden one failed"
    return Section(
        id="public",
        title="Programs that pass public tests alone",
        text=(
            "The share of programs, repairs included, that pass all tests that prompts and feedback show and fail "
            "one that they do not. It grows when a model learns to satisfy the tests that it sees, whatever the "
            "task. Programs of problems with both kinds of tests count."
        ),
        figures=[Figure(title, curve_chart(title, series), _table(series))],
        legend=[Key(line.name, swatch(line.style)) for line in series],
    )


def _public_only(run: RunRecord, split: str) -> list[Point]:
    return [
        Point(number, row.public_only, *row.intervals["public_only"])
        for number in run.iterations
        if (row := run.row(number, split)) and row.public_only is not None
    ]


def _chosen(run: RunRecord, title: str) -> int | None:
    """Return the iteration to mark; none on training problems, where the policy of the iteration before is measured."""
    return None if title == _sentence(ROLES["train"]) else run.best


def _points(run: RunRecord, measured: Measures, split: str, metric: str) -> list[Point]:
    """Return the metric by iteration, with intervals where the attempts still exist."""
    points = []
    for iteration in run.iterations:
        row = run.row(iteration, split)
        if row is None or metric not in row.rates:
            continue
        values = measured.get((iteration, split))
        estimate = interval((values.at_first if metric == "pass@1" else values.repaired) if values else None)
        bounds = (estimate.low, estimate.high) if estimate else (None, None)
        points.append(Point(iteration, row.rates[metric], *bounds))
    return points


def _table(series: Sequence[Series]) -> Table:
    iterations = sorted({point.iteration for line in series for point in line.points})
    cells = {(line.name, point.iteration): point for line in series for point in line.points}
    return Table(
        ["iteration", *(line.name for line in series)],
        [[str(n), *(_cell(cells.get((line.name, n))) for line in series)] for n in iterations],
    )


def _cell(point: Point | None) -> str:
    if point is None:
        return ABSENT
    if point.low is None or point.high is None:
        return percent(point.mean)
    return f"{percent(point.mean)} [{100 * point.low:.1f}, {100 * point.high:.1f}]"


def _style(number: int) -> str:
    return f"c{number % STYLES}"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]
