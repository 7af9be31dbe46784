"""Chains of attempts: a first attempt and the repairs that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from rayboot.values import Frozen

SKIPPED = "skipped"
"""Status of an attempt that was not generated, because no prompt fitted the token budget."""


class HasStatus(Protocol):
    @property
    def status(self) -> str: ...


class StatusProperties:
    """Properties of an attempt that follow from the status."""

    @property
    def passed(self: HasStatus) -> bool:
        return self.status == "passed"

    @property
    def generated(self: HasStatus) -> bool:
        """Whether a completion was generated."""
        return self.status != SKIPPED

    @property
    def is_wrong(self: HasStatus) -> bool:
        """Whether the program was judged and did not pass. A `sandbox_error` is no judgement."""
        return self.status not in ("passed", "sandbox_error", SKIPPED)


class Step(StatusProperties, Frozen):
    """The fields of an attempt that metrics and allocations use."""

    round: int
    """0 is a first attempt, 1.. are repairs."""
    status: str
    """The verdict's status, or `SKIPPED`."""
    error_type: str = ""
    failing_test: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def kind(self) -> str:
        """The status or, for programs that raised, the exception's name, such as `NameError`."""
        return self.error_type if self.status == "error" and self.error_type else self.status

    @property
    def situation(self) -> str:
        """The kind, and whether the first test passed: later tests are often hidden, so that feedback says less."""
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
"""In the order of rounds; only the last step may have passed or be skipped."""
Attempts: TypeAlias = "Iterable[Mapping[str, Any]] | pa.Table | Mapping[str, list[Chain]]"
"""Rows of one rollout or evaluation, in any order, with the `CHAIN_COLUMNS` that a metric needs; or the result of
`chains_by_problem`, which saves time when more than one metric is computed."""


def chains_by_problem(attempts: Attempts) -> dict[str, list[Chain]]:
    """Return the chains of each problem, in the order of samples."""
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
    """Return whether the first attempt or one of the first `rounds` repairs passed."""
    return any(step.passed for step in chain[: rounds + 1])
