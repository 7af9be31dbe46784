"""What a run cost, and how fast it was: seconds and tokens by stage, and rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rayboot.metric_rows import HEADLINE_SPLITS, STAGES, engine_tokens, stage_seconds
from rayboot.report.curves import Point, Series
from rayboot.report.outcomes import RunChain
from rayboot.report.read import SPLITS, RunRecord

SPLITS_OF = {"rollout": ("train",), "evaluation": HEADLINE_SPLITS}


def seconds_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Wall-clock seconds of an iteration."""
    rows = (run.row(iteration, split) for split in SPLITS)  # all of an iteration say the same
    return next((stage_seconds(row) for row in rows if row), {})


def tokens_by_stage(run: RunRecord, iteration: int) -> dict[str, float]:
    """Tokens read and written by engines, and those that a refit learned from."""
    tokens: Counter[str] = Counter()
    for stage, splits in SPLITS_OF.items():
        for split in splits:
            if (row := run.row(iteration, split)) and "completion_tokens" in row:
                tokens[stage] += engine_tokens(row)
    for split in HEADLINE_SPLITS:
        if (row := run.row(iteration, split)) and "training/tokens" in row:
            tokens["refit"] = row["training/tokens"]
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
            generation = rows[0].get("generation", {}) if rows else {}
            if amount in generation and (seconds := generation["busy_seconds"]):
                points.append(Point(iteration, generation[amount] / seconds))
        found.append(Series(stage, style, points))
    return [series for series in found if series.points]


def attempt_rate(run: RunRecord) -> list[Series]:
    """Attempts, generated and verified, a second of the whole stage."""
    return _by_stage(run, {key: row["attempts"] for key, row in _rows(run).items()}, _stage_seconds(run))


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


def _rows(run: RunRecord) -> dict[tuple[int, str], dict[str, float]]:
    return {(row["iteration"], row["split"]): row for row in run.rows if "attempts" in row}


def _stage_seconds(run: RunRecord) -> dict[tuple[int, str], float]:
    return {
        (iteration, stage): seconds
        for iteration in run.iterations
        for stage, seconds in seconds_by_stage(run, iteration).items()
    }
