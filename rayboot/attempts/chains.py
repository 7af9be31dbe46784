"""Attempts as chains: a first attempt and its repairs, one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from rayboot.values import Frozen

SKIPPED = "skipped"
"""Status of what stands for an attempt never made, because no prompt fitted the token budget."""


class Step(Frozen):
    """One attempt of a problem's history."""

    round: int
    """0 is a first attempt, 1.. are repairs."""
    status: str
    """The verdict's status, or `SKIPPED`."""
    error_type: str = ""
    failing_test: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    @property
    def made(self) -> bool:
        """Whether anything was generated."""
        return self.status != SKIPPED

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def kind(self) -> str:
        """The status, with the exception's name for programs that raised, such as `NameError`."""
        return self.error_type if self.status == "error" and self.error_type else self.status

    @property
    def situation(self) -> str:
        """The kind, and whether the first test was passed: a later one is often hidden, so that feedback says less."""
        return f"{self.kind}, first test passed" if self.failing_test else self.kind


CHAIN_COLUMNS = (
    "problem_id",
    "sample",
    "round",
    "status",
    "error_type",
    "failing_test",
    "prompt_tokens",
    "completion_tokens",
)

Chain = tuple[Step, ...]
"""In the order of rounds; only the last may have passed, or be one that was skipped."""
Attempts: TypeAlias = "Iterable[Mapping[str, Any]] | pa.Table | Mapping[str, list[Chain]]"
"""Rows of one rollout or evaluation, in any order, with those of `CHAIN_COLUMNS` that a figure needs; or the same as
`chains_by_problem` gives it, for several figures."""


def chains_by_problem(attempts: Attempts) -> dict[str, list[Chain]]:
    """The chains of each problem, in the order of their samples."""
    if isinstance(attempts, Mapping):
        return dict(attempts)
    if isinstance(attempts, pa.Table):
        attempts = attempts.select(
            [name for name in attempts.column_names if name in CHAIN_COLUMNS]
        ).to_pylist()
    steps: dict[str, dict[int, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for row in attempts:
        steps[row["problem_id"]][row["sample"]].append(
            Step.model_validate({name: row[name] for name in Step.model_fields if name in row})
        )
    return {
        problem: [tuple(sorted(chain, key=lambda step: step.round)) for _, chain in sorted(samples.items())]
        for problem, samples in steps.items()
    }


def solved_by(chain: Chain, rounds: int) -> bool:
    """Whether the first attempt, or one of its first so many repairs, passed."""
    return any(step.passed for step in chain[: rounds + 1])
