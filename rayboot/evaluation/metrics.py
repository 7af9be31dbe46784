"""pass@k and repair@k of a table of attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import pyarrow as pa

from rayboot.evaluation.pass_at_k import pass_at_k

COLUMNS = ("problem_id", "sample", "round", "status", "prompt_tokens", "completion_tokens")
SKIPPED = "skipped"
"""Status of a row that stands for an attempt never made, because no prompt fitted the token budget."""

Attempts = Iterable[Mapping[str, Any]]
"""Rows with at least `COLUMNS`, or a pyarrow table of them. A chain is the rows of one problem and sample: round 0,
then its repairs."""


def attempt_metrics(attempts: Attempts, ks: Sequence[int] = (1,)) -> dict[str, float]:
    """The numbers of an evaluation or a rollout.

    Args:
        attempts: All rounds of all samples; every problem has the same number of samples.
        ks: The k of each `pass@k` and `repair@k`.

    Returns:
        `pass@k`: first attempts alone. `repair@k`: the same, where a sample counts as solved when its first attempt
        or one of its repairs passes. `repair_rate`: share of the chains failing at first that a repair solved
        (0 when none failed). `problems`, `attempts`, `skipped` (attempts never made), and the sums `prompt_tokens`
        and `completion_tokens`. A problem whose first prompt did not fit counts as unsolved.

    Raises:
        ValueError: A problem with attempts has fewer samples than a k asks for.
    """
    rows = _rows(attempts)
    first, final = _outcomes(rows)
    failing = [
        repaired
        for problem, samples in first.items()
        for passed, repaired in zip(samples, final[problem], strict=True)
        if not passed
    ]
    made = [row for row in rows if row["status"] != SKIPPED]
    return {
        **{f"pass@{k}": mean_pass_at_k(first.values(), k) for k in ks},
        **{f"repair@{k}": mean_pass_at_k(final.values(), k) for k in ks},
        "repair_rate": fmean(failing) if failing else 0.0,
        "problems": len(first),
        "attempts": len(made),
        "skipped": len(rows) - len(made),
        "prompt_tokens": sum(row["prompt_tokens"] for row in made),
        "completion_tokens": sum(row["completion_tokens"] for row in made),
    }


def mean_pass_at_k(outcomes: Iterable[Sequence[bool]], k: int) -> float:
    """pass@k averaged over problems, each given as whether its samples pass; a problem without samples is unsolved."""
    return fmean(
        [pass_at_k(len(samples), sum(samples), k) if samples else 0.0 for samples in outcomes] or [0.0]
    )


def _rows(attempts: Attempts) -> list[Mapping[str, Any]]:
    if isinstance(attempts, pa.Table):
        rows: list[Mapping[str, Any]] = attempts.select(list(COLUMNS)).to_pylist()
        return rows
    return list(attempts)


def _outcomes(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, list[bool]], dict[str, list[bool]]]:
    """For each problem, whether its samples pass at first, and whether they do after all repairs."""
    first: dict[str, dict[int, bool]] = defaultdict(dict)
    solved: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        problem, sample, passed = row["problem_id"], row["sample"], row["status"] == "passed"
        samples = first[problem]
        if row["round"] == 0 and row["status"] != SKIPPED:
            samples[sample] = passed
        if passed:
            solved[problem].add(sample)
    final = {problem: [sample in solved[problem] for sample in samples] for problem, samples in first.items()}
    return {problem: list(samples.values()) for problem, samples in first.items()}, final
