"""The sections on time and tokens, and on throughput."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rayboot.metric_rows import STAGES
from rayboot.report.bars import ONE, Bar, Unit, bar_chart, box
from rayboot.report.curves import Series, curve_chart, swatch
from rayboot.report.effort import (
    SPLITS_OF,
    attempt_rate,
    engine_rate,
    seconds_by_stage,
    tokens_by_stage,
    verified_yield,
)
from rayboot.report.figure import Figure, Key, Section, Table
from rayboot.report.outcomes import RunChain
from rayboot.report.read import RunRecord
from rayboot.report.words import ABSENT, compact, count, duration

STYLES = {stage: f"s-{stage}" for stage in STAGES}


def cost_section(runs: Sequence[RunRecord]) -> Section | None:
    """Seconds and tokens of each run, by iteration and stage."""
    figures = []
    for run in runs:
        of = f", {run.label}" if len(runs) > 1 else ""
        for title, by_stage, show in (
            (f"Time{of}", seconds_by_stage, duration),
            (f"Tokens{of}", tokens_by_stage, compact),
        ):
            if figure := _bars(run, title, by_stage, show):
                figures.append(figure)
    if not figures:
        return None
    return Section(
        id="cost",
        title="Where time and tokens went",
        text=(
            "Time is by the clock; publishing the weights and starting the engines counts for the stage that waits "
            "for it. Tokens of a rollout and an evaluation are those of prompts and completions, of a refit those of "
            "the completions that it trained on, as often as it saw them."
        ),
        figures=figures,
        legend=[Key(stage, box(style)) for stage, style in STYLES.items()],
    )


def throughput_section(runs: Sequence[RunRecord], chains: Sequence[Sequence[RunChain]]) -> Section | None:
    """Rates of each run."""
    figures = []
    for run, its in zip(runs, chains, strict=True):
        of = f", {run.label}" if len(runs) > 1 else ""
        for title, unit, series in (
            ("Attempts per second", "attempts/s", attempt_rate(run)),
            ("Tokens written per busy second", "tokens/s", engine_rate(run, "completion_tokens")),
            ("Samples under way in a busy replica", "samples", engine_rate(run, "sample_seconds")),
            ("Verified programs per 1,000 tokens", "programs", verified_yield(run, its)),
        ):
            if series:
                chart = curve_chart(title + of, series, share=False, unit=unit)
                figures.append(Figure(title + of, chart, _table(series)))
    if not figures:
        return None
    return Section(
        id="throughput",
        title="How fast it was",
        text=(
            "An attempt is generated and verified; the first evaluation also waits for the engines to start. Busy "
            "seconds are those in which an engine replica has work, added up over the replicas. With fewer samples "
            "under way than `generation.batch_size` (for a provider, `generation.openai.max_concurrency`) a replica "
            "has room for more. "
            "Verified programs for the same tokens rise when the model fails less, and so repairs less."
        ),
        figures=figures,
        legend=[Key(stage, swatch(f"c{number}")) for number, stage in enumerate(SPLITS_OF)],
    )


def _bars(
    run: RunRecord,
    title: str,
    by_stage: Callable[[RunRecord, int], dict[str, float]],
    show: Callable[[float], str],
) -> Figure | None:
    amounts = {iteration: by_stage(run, iteration) for iteration in run.iterations}
    bars = [Bar(f"iteration {iteration}", parts) for iteration, parts in amounts.items() if parts]
    if not bars:
        return None
    exact = count if show is compact else show
    unit = _unit(max(sum(bar.parts.values()) for bar in bars)) if show is duration else ONE
    rows = [
        [str(iteration), *(exact(parts[stage]) if stage in parts else ABSENT for stage in STAGES)]
        for iteration, parts in amounts.items()
    ]
    return Figure(title, bar_chart(title, bars, STYLES, show, unit), Table(["iteration", *STAGES], rows))


def _unit(seconds: float) -> Unit:
    """What an axis of that length counts in."""
    return next(
        unit
        for unit in (Unit(3600, "h"), Unit(60, "min"), Unit(1, "s"))
        if seconds >= 2 * unit.size or unit.size == 1
    )


def _table(series: Sequence[Series]) -> Table:
    iterations = sorted({point.iteration for one in series for point in one.points})
    cells = {(one.name, point.iteration): point.mean for one in series for point in one.points}
    return Table(
        ["iteration", *(one.name for one in series)],
        [
            [str(n), *(f"{cells[one.name, n]:.4g}" if (one.name, n) in cells else ABSENT for one in series)]
            for n in iterations
        ],
    )
