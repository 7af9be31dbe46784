"""Attempts as chains: a first attempt and its repairs, one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from rayboot.allocation import Step

COLUMNS = (
    "problem_id",
    "sample",
    "round",
    "status",
    "error_type",
    "failing_test",
    "prompt_tokens",
    "completion_tokens",
)

Attempts: TypeAlias = "Iterable[Mapping[str, Any]] | pa.Table"
"""Rows with at least `COLUMNS`, of one rollout or evaluation, in any order."""
Chain = tuple[Step, ...]
"""In the order of rounds; only the last may have passed, or be one that was skipped."""


def chains_by_problem(attempts: Attempts) -> dict[str, list[Chain]]:
    """The chains of each problem, in the order of their samples."""
    rows = attempts.select(list(COLUMNS)).to_pylist() if isinstance(attempts, pa.Table) else attempts
    steps: dict[str, dict[int, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        steps[row["problem_id"]][row["sample"]].append(
            Step(**{name: row[name] for name in COLUMNS if name not in ("problem_id", "sample")})
        )
    return {
        problem: [tuple(sorted(chain, key=lambda step: step.round)) for _, chain in sorted(samples.items())]
        for problem, samples in steps.items()
    }


def solved_by(chain: Chain, rounds: int) -> bool:
    """Whether the first attempt, or one of its first so many repairs, passed."""
    return any(step.passed for step in chain[: rounds + 1])
