"""What a run cost, and how fast it was: seconds and tokens by stage, rates, and their sections of the page."""

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
    """Wall-clock seconds of an iteration."""
    rows = (run.row(iteration, split) for split in SPLITS)  # all of an iteration say the same
    return next((row.stage_seconds for row in rows if row), {})


def tokens_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Tokens read and written by engines, and those that a refit learned from."""
    tokens: Counter[str] = Counter()
    for stage, splits in SPLITS_OF.items():
        for split in splits:
            if (row := run.row(iteration, split)) and row.tokens:
                tokens[stage] += row.tokens
    for split in HEADLINE_SPLITS:
        if (row := run.row(iteration, split)) and (learned := row.training.get("tokens")):
            tokens["refit"] = int(learned)
    return {stage: tokens[stage] for stage in STAGES if stage in tokens}


def total_seconds(run: RunRecord) -> float:
    return sum(sum(seconds_by_stage(run, iteration).values()) for iteration in run.iterations)


def total_tokens(run: RunRecord) -> float:
    """Tokens read and written by engines."""
    stages = (tokens_by_stage(run, iteration) for iteration in run.iterations)
    return sum(tokens.get("rollout", 0) + tokens.get("evaluation", 0) for tokens in stages)


def engine_rate(run: RunRecord, amount: str) -> list[Series]:
    """What an engine replica did, as `generation` in metrics.jsonl names it, for each of its busy seconds."""
    found = []
    for style, (stage, splits) in zip(("c0", "c1"), SPLITS_OF.items(), strict=True):
        points = []
        for iteration in run.iterations:
            rows = [row for split in splits if (row := run.row(iteration, split))]
            # Of the stage, the same in all its rows.
            generation = rows[0].generation if rows else {}
            if amount in generation and (seconds := generation.get("busy_seconds")):
                points.append(Point(iteration, generation[amount] / seconds))
        found.append(Series(stage, style, points))
    return [series for series in found if series.points]


def attempt_rate(run: RunRecord) -> list[Series]:
    """Attempts, generated and verified, a second of the whole stage."""
    attempts = {(row.iteration, row.split): float(row.attempts or 0) for row in run.rows}
    return _by_stage(run, attempts, _stage_seconds(run))


def verified_yield(run: RunRecord, chains: Iterable[RunChain]) -> list[Series]:
    """Verified programs for a thousand tokens read and written."""
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
    """Amounts, by iteration and split, over costs, by iteration and stage."""
    found = []
    for style, (stage, splits) in zip(("c0", "c1"), SPLITS_OF.items(), strict=True):
        points = [
            Point(iteration, sum(amounts.get((iteration, split), 0) for split in splits) / cost)
            for iteration in run.iterations
            if (cost := costs.get((iteration, stage)))
        ]
        found.append(Series(stage, style, points))
    return [series for series in found if series.points]


def _stage_seconds(run: RunRecord) -> dict[tuple[int, str], float]:
    return {
        (iteration, stage): seconds
        for iteration in run.iterations
        for stage, seconds in seconds_by_stage(run, iteration).items()
    }


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
