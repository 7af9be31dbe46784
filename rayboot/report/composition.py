"""The section on what each refit learned from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rayboot.report.bars import Bar, bar_chart, box
from rayboot.report.figure import Figure, Key, Section, Table
from rayboot.report.read import RunRecord
from rayboot.report.words import ABSENT, count, plain

KINDS = ("solution", "repair", "repair_on_first_prompt", "replay", "reference")
"""In the order in which they are stacked: what the model wrote itself comes first."""


def composition_section(runs: Sequence[RunRecord]) -> Section | None:
    """A chart for each run that made a training set."""
    figures, seen = [], set()
    for run in runs:
        bars, rows = [], []
        for iteration, examples, dropped in _training_sets(run):
            parts = {plain(kind): examples[kind] for kind in in_order(examples)}
            seen |= set(examples)
            bars.append(Bar(f"iteration {iteration}", parts))
            left_out = ", ".join(f"{plain(reason)} {count(n)}" for reason, n in dropped.items())
            rows.append(
                [str(iteration), *(count(examples.get(kind, 0)) for kind in KINDS), left_out or ABSENT]
            )
        if bars:
            title = run.label if len(runs) > 1 else "Examples by kind"
            styles = {plain(kind): _style(kind) for kind in seen}
            table = Table(["iteration", *map(plain, KINDS), "left out"], rows)
            figures.append(Figure(title, bar_chart(f"Training sets, {title}", bars, styles, count), table))
    if not figures:
        return None
    return Section(
        id="training-sets",
        title="What it learned from",
        text=(
            "Each iteration trains on what passed in its rollout: solutions, and repairs of failing programs. "
            "A problem that was not solved teaches its reference, where it has one. A good run needs fewer references "
            "as it goes."
        ),
        figures=figures,
        legend=[Key(plain(kind), box(_style(kind))) for kind in in_order(seen)],
    )


def _training_sets(run: RunRecord) -> list[tuple[int, dict[str, int], dict[str, int]]]:
    """Iteration, examples by kind, and examples left out by reason."""
    found = {
        row.iteration: (row.training_examples, row.dropped_examples)
        for row in run.rows
        if row.training_examples
    }
    return [(iteration, *sets) for iteration, sets in sorted(found.items())]


def in_order(kinds: Collection[str]) -> list[str]:
    """Kinds of examples in the order in which they are stacked."""
    return [*(kind for kind in KINDS if kind in kinds), *sorted(set(kinds) - set(KINDS))]


def _style(kind: str) -> str:
    return f"k-{kind}" if kind in KINDS else "k-other"
