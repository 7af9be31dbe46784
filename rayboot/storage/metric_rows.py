"""Reading the rows of metrics.jsonl: one for each split that an iteration measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

STAGES = ("rollout", "curate", "refit", "evaluation")
"""Stages whose seconds in a row add up to an iteration's; other entries there are parts of these."""
HEADLINE_SPLITS = ("test", "validation")


def headline_split(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The split whose numbers stand for a run: test, or else validation; None when neither is measured."""
    measured = {row["split"] for row in rows}
    return next((split for split in HEADLINE_SPLITS if split in measured), None)


def stage_seconds(row: Mapping[str, Any]) -> dict[str, float]:
    """Wall-clock seconds of the stages of the row's iteration.

    Publishing and the start of engines are part of the stage that waits for them.
    """
    seconds = row.get("seconds", {})
    return {stage: seconds[stage] for stage in STAGES if stage in seconds}


def engine_tokens(row: Mapping[str, Any]) -> int:
    """Tokens that engines read and wrote for the row's split."""
    tokens: int = row.get("prompt_tokens", 0) + row.get("completion_tokens", 0)
    return tokens
