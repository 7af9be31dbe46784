"""Synthetic attempts with known probabilities of passing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Row = dict[str, Any]
Probability = Callable[[int, str], float]
"""Probability to pass by problem and by the status of the attempt to repair (empty for a first attempt)."""


def synthetic_attempts(
    probability: Probability,
    problems: int,
    samples: int,
    rounds: int,
    seed: int = 0,
    repair_prompt: int = 150,
) -> list[Row]:
    """Return random attempts.

    Prompts have 50 tokens in first attempts and `repair_prompt` in repairs; completions have 50.
    """
    random = np.random.default_rng(seed)
    rows = []
    for problem in range(problems):
        for sample in range(samples):
            before = ""
            for number in range(rounds + 1):
                passed = random.random() < probability(problem, before)
                status = "passed" if passed else str(random.choice(["failed", "syntax_error"]))
                rows.append(attempt_row(problem, sample, number, status, repair_prompt if number else 50))
                if passed:
                    break
                before = status
    return rows


def attempt_row(problem: int, sample: int, number: int, status: str, prompt_tokens: int) -> Row:
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
