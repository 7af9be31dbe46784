"""Attempts on the problems of `own_problems`, as a rollout writes them."""

from __future__ import annotations

from rayboot.attempts import Attempt


def own_attempt(
    problem: int, iteration: int, status: str, round: int = 0, sample: int = 0, **fields: object
) -> Attempt:
    """Return an attempt; `fields` are further columns, such as `program`."""
    id = f"own/{problem}"
    return Attempt.model_validate(
        {
            "attempt_id": f"train/{id}/{sample}/{round}",
            "parent_id": None,
            "iteration": iteration,
            "split": "train",
            "problem_id": id,
            "benchmark": "own",
            "sample": sample,
            "round": round,
            "status": status,
            **fields,
        }
    )
