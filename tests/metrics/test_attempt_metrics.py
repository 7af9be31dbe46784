"""pass@k and repair@k of attempts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rayboot.metrics import attempt_metrics


def row(problem: str, sample: int, round_: int, status: str, tokens: int = 10) -> dict[str, object]:
    return {
        "problem_id": problem,
        "sample": sample,
        "round": round_,
        "status": status,
        "prompt_tokens": tokens,
        "completion_tokens": 2 * tokens,
    }


GREEDY = [
    row("solved", 0, 0, "passed"),
    row("repaired", 0, 0, "failed"),
    row("repaired", 0, 1, "error"),
    row("repaired", 0, 2, "passed"),
    row("unsolved", 0, 0, "syntax_error"),
    row("unsolved", 0, 1, "timeout"),
    row("too long", 0, 0, "skipped", tokens=0),
]


def test_metrics_of_one_greedy_sample_per_problem() -> None:
    assert attempt_metrics(GREEDY).model_dump(exclude={"intervals"}) == {
        "pass@1": 0.25,
        "repair@1": 0.5,
        "repair_rate": 0.5,
        "problems": 4,
        "attempts": 6,
        "skipped": 1,
        "prompt_tokens": 60,
        "completion_tokens": 120,
    }


def test_a_table_and_its_rows_have_the_same_metrics() -> None:
    assert attempt_metrics(pa.Table.from_pylist(GREEDY)) == attempt_metrics(GREEDY)


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert attempt_metrics(GREEDY[::-1]) == attempt_metrics(GREEDY)


def test_rates_of_four_samples_use_the_unbiased_estimator() -> None:
    rows = [row("a", 0, 0, "passed"), *(row("a", sample, 0, "failed") for sample in (1, 2, 3))]
    rows.append(row("a", 2, 1, "passed"))
    metrics = attempt_metrics(rows, ks=(1, 2))
    assert metrics.rates["pass@1"] == pytest.approx(1 / 4)
    assert metrics.rates["pass@2"] == pytest.approx(1 - 3 / 6)
    assert metrics.rates["repair@1"] == pytest.approx(2 / 4)
    assert metrics.rates["repair@2"] == pytest.approx(1 - 1 / 6)
    assert metrics.repair_rate == pytest.approx(1 / 3)


def test_a_problem_that_was_skipped_counts_as_unsolved_for_every_k() -> None:
    rows = [row("a", 0, 0, "passed"), row("a", 1, 0, "passed"), row("long", 0, 0, "skipped")]
    metrics = attempt_metrics(rows, ks=(1, 2))
    assert set(metrics.rates.values()) == {0.5}


def test_a_repair_that_was_skipped_leaves_its_chain_unsolved() -> None:
    metrics = attempt_metrics([row("a", 0, 0, "failed"), row("a", 0, 1, "skipped")])
    assert (metrics.rates["repair@1"], metrics.repair_rate, metrics.attempts) == (0.0, 0.0, 1)


def test_a_program_that_could_not_be_judged_is_none_that_a_repair_failed() -> None:
    rows = [row("a", 0, 0, "sandbox_error"), row("b", 0, 0, "failed"), row("b", 0, 1, "passed")]
    assert attempt_metrics(rows).repair_rate == 1.0


def test_too_few_samples_for_k_are_refused() -> None:
    with pytest.raises(ValueError, match="pass@2 needs at least 2 samples"):
        attempt_metrics([row("a", 0, 0, "passed")], ks=(2,))


def test_metrics_without_attempts_are_zero() -> None:
    assert set(attempt_metrics([]).model_dump(exclude={"intervals"}).values()) == {0}
