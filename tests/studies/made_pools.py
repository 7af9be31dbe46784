"""Attempts of a made-up model, whose chances of passing are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Row = dict[str, Any]
Chance = Callable[[int, str], float]
"""Of a problem, and of the status that a repair starts from (`` for a first attempt)."""


def made_attempts(
    chance: Chance, problems: int, samples: int, rounds: int, seed: int = 0, repair_prompt: int = 150
) -> list[Row]:
    """First attempts have a prompt of 50 tokens, repairs one of `repair_prompt`; completions have 50."""
    random = np.random.default_rng(seed)
    rows = []
    for problem in range(problems):
        for sample in range(samples):
            before = ""
            for number in range(rounds + 1):
                passed = random.random() < chance(problem, before)
                status = "passed" if passed else str(random.choice(["failed", "syntax_error"]))
                rows.append(made_row(problem, sample, number, status, repair_prompt if number else 50))
                if passed:
                    break
                before = status
    return rows


def made_row(problem: int, sample: int, number: int, status: str, prompt_tokens: int) -> Row:
    return {
        "problem_id": f"p{problem}",
        "sample": sample,
        "round": number,
        "status": status,
        "error_type": "",
        "failing_test": 0 if status == "failed" else None,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 50,
    }
