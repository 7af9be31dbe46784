"""Cost and throughput of a run: seconds and tokens by stage, rates, and the sections that show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from rayboot.metrics.rows import HEADLINE_SPLITS, STAGES
from rayboot.report.bars import ONE, Bar, Unit, bar_chart, box
from rayboot.report.curves import Point, Series, curve_chart, swatch
from rayboot.report.figure import Figure, Key, Section, Table
from rayboot.report.outcomes import RunChain
from rayboot.report.read import SPLITS, RunRecord
from rayboot.report.words import ABSENT, compact, count, duration

SPLITS_OF = {"rollout": ("train",), "evaluation": HEADLINE_SPLITS}


def seconds_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Return the wall-clock seconds of an iteration by stage."""
    rows = (run.row(iteration, split) for split in SPLITS)  # all rows of an iteration have the same
    return next((row.stage_seconds for row in rows if row), {})


def tokens_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Return the tokens of an iteration by stage: read and written by engines, or trained on in a refit."""
    tokens: Counter[str] = Counter()
    for stage, splits in SPLITS_OF.items():
        for split in splits:
            if (row := run.row(iteration, split)) and row.tokens:
                tokens[stage] += row.tokens
    for split in HEADLINE_SPLITS:
        if (row := run.row(iteration, split)) and (trained := row.training.get("tokens")):
            tokens["refit"] = int(trained)
    return {stage: tokens[stage] for stage in STAGES if stage in tokens}


def total_seconds(run: RunRecord) -> float:
    return sum(sum(seconds_by_stage(run, iteration).values()) for iteration in run.iterations)


def total_tokens(run: RunRecord) -> float:
    """Return the tokens read and written by engines."""
    stages = (tokens_by_stage(run, iteration) for iteration in run.iterations)
    return sum(tokens.get("rollout", 0) + tokens.get("evaluation", 0) for tokens in stages)


def engine_rate(run: RunRecord, amount: str) -> list[Series]:
    """Return an amount of `generation` in metrics.jsonl per busy second of a replica, by stage and iteration."""
    all_series = []
    for style, (stage, splits) in zip(("c0", "c1"), SPLITS_OF.items(), strict=True):
        points = []
        for iteration in run.iterations:
            rows = [row for split in splits if (row := run.row(iteration, split))]
            generation = rows[0].generation if rows else {}  # the same in all rows of a stage
            if amount in generation and (seconds := generation.get("busy_seconds")):
                points.append(Point(iteration, generation[amount] / seconds))
        all_series.append(Series(stage, style, points))
    return [series for series in all_series if series.points]


def attempt_rate(run: RunRecord) -> list[Series]:
    """Return attempts, generated and verified, per wall-clock second of the stage, by stage and iteration."""
    attempts = {(row.iteration, row.split): float(row.attempts or 0) for row in run.rows}
    return _by_stage(run, attempts, _stage_seconds(run))


def verified_yield(run: RunRecord, chains: Iterable[RunChain]) -> list[Series]:
    """Return verified programs per thousand tokens read and written, by stage and iteration."""
    verified = Counter((chain.iteration, chain.split) for chain in chains if chain.passed)
    thousands = {
        (iteration, stage): tokens / 1000
        for iteration in run.iterations
        for stage, tokens in tokens_by_stage(run, iteration).items()
    }
    return _by_stage(run, verified, thousands) if verified else []


def _by_stage(
    run: RunRecord,
    amounts: dict[tuple[int, str], float] | Counter[tuple[int, str]],
    costs: dict[tuple[int, str], float],
) -> list[Series]:
    """Return the ratios of amounts by iteration and split to costs by iteration and stage."""
    all_series = []
    for style, (stage, splits) in zip(("c0", "c1"), SPLITS_OF.items(), strict=True):
        points = [
            Point(iteration, sum(amounts.get((iteration, split), 0) for split in splits) / cost)
            for iteration in run.iterations
            if (cost := costs.get((iteration, stage)))
        ]
        all_series.append(Series(stage, style, points))
    return [series for series in all_series if series.points]


def _stage_seconds(run: RunRecord) -> dict[tuple[int, str], float]:
    return {
        (iteration, stage): seconds
        for iteration in run.iterations
        for stage, seconds in seconds_by_stage(run, iteration).items()
    }


STYLES = {stage: f"s-{stage}" for stage in STAGES}


def cost_section(runs: Sequence[RunRecord]) -> Section | None:
    """Return a section with the seconds and tokens of each run by iteration and stage; None without any."""
    figures = []
    for run in runs:
        suffix = f", {run.label}" if len(runs) > 1 else ""
        for title, by_stage, show in (
            (f"Time{suffix}", seconds_by_stage, duration),
            (f"Tokens{suffix}", tokens_by_stage, compact),
        ):
            if figure := _bars(run, title, by_stage, show):
                figures.append(figure)
    if not figures:
        return None
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


def throughput_section(runs: Sequence[RunRecord], chains: Sequence[Sequence[RunChain]]) -> Section | None:
    """Return a section with the rates of each run; None without any."""
    figures = []
    for run, chains_of_run in zip(runs, chains, strict=True):
        suffix = f", {run.label}" if len(runs) > 1 else ""
        for title, unit, series in (
            ("Attempts per second", "attempts/s", attempt_rate(run)),
            ("Tokens written per busy second", "tokens/s", engine_rate(run, "completion_tokens")),
            ("Samples in flight in a busy replica", "samples", engine_rate(run, "sample_seconds")),
            ("Verified programs per 1,000 tokens", "programs", verified_yield(run, chains_of_run)),
        ):
            if series:
                chart = curve_chart(title + suffix, series, share=False, unit=unit)
                figures.append(Figure(title + suffix, chart, _table(series)))
    if not figures:
        return None
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
    """Return the unit of an axis up to `seconds`."""
    return next(
        unit
        for unit in (Unit(3600, "h"), Unit(60, "min"), Unit(1, "s"))
        if seconds >= 2 * unit.size or unit.size == 1
    )


def _table(series: Sequence[Series]) -> Table:
    iterations = sorted({point.iteration for line in series for point in line.points})
    cells = {(line.name, point.iteration): point.mean for line in series for point in line.points}
    return Table(
        ["iteration", *(line.name for line in series)],
        [
            [
                str(n),
                *(f"{cells[line.name, n]:.4g}" if (line.name, n) in cells else ABSENT for line in series),
            ]
            for n in iterations
        ],
    )
