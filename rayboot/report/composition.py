"""The section on training sets."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rayboot.report.bars import Bar, bar_chart, box
from rayboot.report.figure import Figure, Key, Section, Table
from rayboot.report.read import RunRecord
from rayboot.report.words import ABSENT, count, plain

KINDS = ("solution", "repair", "repair_on_first_prompt", "replay", "reference")
"""Kinds of examples in the order of stacking: those that the model generated come first."""


def composition_section(runs: Sequence[RunRecord]) -> Section:
    """Return a section with a chart for each run that has a training set."""
    figures, seen = [], set[str]()
    for run in runs:
        bars, rows = [], []
        by_iteration = {row.iteration: row for row in run.rows if row.training_examples}
        for iteration, row in sorted(by_iteration.items()):
            examples = row.training_examples
            seen |= set(examples)
            bars.append(
                Bar(f"iteration {iteration}", {plain(kind): examples[kind] for kind in in_order(examples)})
            )
            left_out = [f"{plain(reason)} {count(n)}" for reason, n in row.dropped_examples.items()]
            numbers = (count(examples.get(kind, 0)) for kind in KINDS)
            rows.append([str(iteration), *numbers, ", ".join(left_out) or ABSENT])
        if bars:
            title = run.label if len(runs) > 1 else "Examples by kind"
            styles = {plain(kind): _style(kind) for kind in seen}
            table = Table(["iteration", *map(plain, KINDS), "left out"], rows)
            figures.append(Figure(title, bar_chart(f"Training sets, {title}", bars, styles, count), table))
    return Section(
        id="training-sets",
        title="What it learned from",
        text=(
            "Each iteration trains on what passed in its rollout: solutions, and repairs of failing programs. "
            "A problem that was not solved contributes its reference, if it has one. A good run needs fewer references "
            "with every iteration."
        ),
        figures=figures,
        legend=[Key(plain(kind), box(_style(kind))) for kind in in_order(seen)],
    )


def in_order(kinds: Collection[str]) -> list[str]:
    """Return kinds of examples in the order of stacking."""
    return [*(kind for kind in KINDS if kind in kinds), *sorted(set(kinds) - set(KINDS))]


def _style(kind: str) -> str:
    return f"k-{kind}" if kind in KINDS else "k-other"
