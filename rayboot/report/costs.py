"""Cost and throughput of a run: seconds and tokens by stage, rates, and the sections that show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rayboot.metrics import MetricsRow
from rayboot.metrics.rows import HEADLINE_SPLITS, STAGES
from rayboot.report.bars import ONE, Bar, Unit, bar_chart, box
from rayboot.report.curves import Point, Series, curve_figure, swatch
from rayboot.report.figure import Figure, Key, Section, Table
from rayboot.report.read import SPLITS, RunRecord
from rayboot.report.words import ABSENT, compact, count, duration

SPLITS_OF = {"rollout": ("train",), "evaluation": HEADLINE_SPLITS}
STYLES = {stage: f"s-{stage}" for stage in STAGES}
TIME_UNITS = (Unit(3600, "h"), Unit(60, "min"), Unit(1, "s"))

Rate = Callable[[int, str], float | None]
"""A rate by iteration and stage; None if it is unknown."""


def seconds_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Return the wall-clock seconds of an iteration by stage."""
    rows = (run.row(iteration, split) for split in SPLITS)  # all rows of an iteration have the same
    return next((row.stage_seconds for row in rows if row), {})


def tokens_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Return the tokens of an iteration by stage: read and written by engines, or trained on in a refit."""
    tokens = {stage: sum(row.tokens for row in _rows(run, iteration, stage)) for stage in SPLITS_OF}
    trained = (int(row.training.get("tokens") or 0) for row in _rows(run, iteration, "evaluation"))
    tokens["refit"] = max(trained, default=0)  # all rows of an iteration have the same
    return {stage: tokens[stage] for stage in STAGES if tokens.get(stage)}


def total_seconds(run: RunRecord) -> float:
    return sum(sum(seconds_by_stage(run, iteration).values()) for iteration in run.iterations)


def total_tokens(run: RunRecord) -> float:
    """Return the tokens read and written by engines."""
    stages = (tokens_by_stage(run, iteration) for iteration in run.iterations)
    return sum(tokens.get("rollout", 0) + tokens.get("evaluation", 0) for tokens in stages)


def cost_section(runs: Sequence[RunRecord]) -> Section:
    """Return a section with the seconds and tokens of each run by iteration and stage."""
    figures: list[Figure] = []
    for run in runs:
        suffix = f", {run.label}" if len(runs) > 1 else ""
        seconds = {iteration: seconds_by_stage(run, iteration) for iteration in run.iterations}
        tokens = {iteration: tokens_by_stage(run, iteration) for iteration in run.iterations}
        figures += _bars(f"Time{suffix}", seconds, duration, duration, TIME_UNITS)
        figures += _bars(f"Tokens{suffix}", tokens, compact, count, (ONE,))
    return Section(
        id="cost",
        title="Where time and tokens went",
        text=(
            "Time is wall-clock time; publishing weights and starting engines count towards the stage that waits for "
            "them. Tokens of a rollout or an evaluation are those of prompts and completions; tokens of a refit are "
            "those of the completions that it trains on, counted in every epoch."
        ),
        figures=figures,
        legend=[Key(stage, box(style)) for stage, style in STYLES.items()],
    )


def _bars(
    title: str,
    amounts: Mapping[int, Mapping[str, float]],
    show: Callable[[float], str],
    exact: Callable[[float], str],
    units: Sequence[Unit],
) -> list[Figure]:
    """Return a figure of the amounts by iteration and stage; none without any.

    Args:
        show: Formats an amount in the chart.
        exact: Formats an amount in the table.
        units: Units of the axis, largest first.
    """
    bars = [Bar(f"iteration {iteration}", parts) for iteration, parts in amounts.items() if parts]
    if not bars:
        return []
    most = max(sum(bar.parts.values()) for bar in bars)
    unit = next((unit for unit in units if most >= 2 * unit.size), units[-1])
    rows = [
        [str(iteration), *(exact(parts[stage]) if stage in parts else ABSENT for stage in STAGES)]
        for iteration, parts in amounts.items()
    ]
    return [Figure(title, bar_chart(title, bars, STYLES, show, unit), Table(["iteration", *STAGES], rows))]


def throughput_section(runs: Sequence[RunRecord]) -> Section:
    """Return a section with the rates of each run."""
    figures = []
    for run in runs:
        suffix = f", {run.label}" if len(runs) > 1 else ""
        for title, unit, rate in (
            ("Attempts per second", "attempts/s", _attempt_rate(run)),
            ("Tokens written per busy second", "tokens/s", _engine_rate(run, "completion_tokens")),
            ("Samples in flight in a busy replica", "samples", _engine_rate(run, "sample_seconds")),
            ("Verified programs per 1,000 tokens", "programs", _verified_yield(run)),
        ):
            if series := _by_stage(run, rate):
                figures.append(curve_figure(title + suffix, series, share=False, unit=unit))
    return Section(
        id="throughput",
        title="How fast it was",
        text=(
            "An attempt is generated and verified; the first evaluation also waits for the engines to start. Busy "
            "seconds are those in which an engine replica has work, summed over the replicas. With fewer samples "
            "in flight than `generation.batch_size` (for a provider, `generation.openai.max_concurrency`) a replica "
            "could process more. "
            "Verified programs per token increase as the model fails less, and so repairs less."
        ),
        figures=figures,
        legend=[Key(stage, swatch(f"c{number}")) for number, stage in enumerate(SPLITS_OF)],
    )


def _by_stage(run: RunRecord, rate: Rate) -> list[Series]:
    """Return a line over the iterations for each stage that has a rate."""
    all_series = []
    for number, stage in enumerate(SPLITS_OF):
        rates = {iteration: rate(iteration, stage) for iteration in run.iterations}
        points = [Point(iteration, value) for iteration, value in rates.items() if value is not None]
        all_series.append(Series(stage, f"c{number}", points))
    return [series for series in all_series if series.points]


def _attempt_rate(run: RunRecord) -> Rate:
    """Return attempts, generated and verified, per wall-clock second of the stage."""

    def rate(iteration: int, stage: str) -> float | None:
        seconds = seconds_by_stage(run, iteration).get(stage)
        attempts = sum(row.attempts or 0 for row in _rows(run, iteration, stage))
        return attempts / seconds if seconds else None

    return rate


def _engine_rate(run: RunRecord, amount: str) -> Rate:
    """Return an amount of `generation` in metrics.jsonl per busy second of a replica."""

    def rate(iteration: int, stage: str) -> float | None:
        rows = _rows(run, iteration, stage)
        generation = rows[0].generation if rows else {}  # the same in all rows of a stage
        seconds = generation.get("busy_seconds")
        return generation[amount] / seconds if amount in generation and seconds else None

    return rate


def _verified_yield(run: RunRecord) -> Rate:
    """Return verified programs per thousand tokens read and written; nothing if no attempts exist any more."""
    verified = Counter((chain.iteration, chain.split) for chain in run.chains if chain.passed)

    def rate(iteration: int, stage: str) -> float | None:
        thousands = tokens_by_stage(run, iteration).get(stage, 0) / 1000
        programs = sum(verified[iteration, split] for split in SPLITS_OF[stage])
        return programs / thousands if verified and thousands else None

    return rate


def _rows(run: RunRecord, iteration: int, stage: str) -> list[MetricsRow]:
    return [row for split in SPLITS_OF[stage] if (row := run.row(iteration, split))]
