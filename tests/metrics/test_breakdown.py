"""Metrics of attempts beside pass@k."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rayboot.metrics import (
    attempt_metrics,
    bleu_values,
    compilation_rate,
    error_transitions,
    metric_intervals,
    partial_success,
    pass_at_k,
    pass_at_k_interval,
    pass_values,
    public_only_rate,
    rounds_curve,
)


def row(problem: str, sample: int, round: int, status: str, **fields: object) -> dict[str, object]:
    return {
        "problem_id": problem,
        "sample": sample,
        "round": round,
        "status": status,
        "error_type": "",
        "failing_test": None,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        **fields,
    }


ROWS = [
    row("a", 0, 0, "passed"),
    row("a", 1, 0, "syntax_error"),
    row("a", 1, 1, "error", error_type="NameError", failing_test=0),
    row("a", 1, 2, "passed"),
    row("b", 0, 0, "failed", failing_test=2),
    row("b", 0, 1, "failed", failing_test=1),
    row("b", 0, 2, "skipped"),
    row("b", 1, 0, "error", error_type="NameError", failing_test=0),
    row("b", 1, 1, "passed"),
    row("long", 0, 0, "skipped"),
]


def test_intervals_have_the_names_of_the_metrics_and_contain_their_values() -> None:
    metrics, intervals = attempt_metrics(ROWS[:9], (1, 2)), metric_intervals(ROWS[:9], (1, 2))
    means = {**metrics.rates, "repair_rate": metrics.repair_rate}
    assert intervals.keys() == {*means, "compilation_rate"}
    for name, mean in means.items():
        assert intervals[name].mean == mean
        assert metrics.intervals[name] == (intervals[name].low, intervals[name].high)
        assert intervals[name].low <= mean <= intervals[name].high


def test_a_problem_whose_prompt_did_not_fit_is_unsolved() -> None:
    assert pass_values(ROWS) == {"a": 0.5, "b": 0.0, "long": 0.0}
    assert pass_values(ROWS, rounds=1) == {"a": 0.5, "b": 0.5, "long": 0.0}
    assert pass_values(ROWS, rounds=None) == {"a": 1.0, "b": 0.5, "long": 0.0}


def test_a_table_and_its_rows_have_the_same_intervals() -> None:
    assert metric_intervals(pa.Table.from_pylist(ROWS)) == metric_intervals(ROWS)


def test_pass_at_k_of_counts_is_the_mean_over_problems() -> None:
    counts = [(10, 3), (10, 0), (20, 20), (10, 9)]
    for k in (1, 2, 5, 10):
        exact = sum(pass_at_k(n, c, k) for n, c in counts) / 4
        assert pass_at_k_interval(counts, k).mean == pytest.approx(exact, abs=1e-12)


def test_the_rounds_curve_has_the_share_solved_after_each_round() -> None:
    assert [interval.mean for interval in rounds_curve(ROWS[:9])] == [0.25, 0.5, 0.75]


def test_the_compilation_rate_is_of_programs_not_of_problems() -> None:
    first, second = compilation_rate(ROWS), compilation_rate(ROWS, round=1)
    assert first is not None
    assert second is not None
    assert (first.mean, second.mean) == (0.75, 1.0)
    assert compilation_rate(ROWS, round=3) is None


def test_transitions_count_the_outcomes_of_repairs_by_failure() -> None:
    transitions = {
        (transition.before, transition.after): transition for transition in error_transitions(ROWS)
    }
    assert {pair: transition.count for pair, transition in transitions.items()} == {
        ("NameError", "passed"): 2,
        ("failed", "failed"): 1,
        ("syntax_error", "NameError"): 1,
    }
    assert transitions["NameError", "passed"].share.mean == 1.0
    assert error_transitions(ROWS)[0].before == "NameError"


def test_partial_success_counts_the_tests_before_the_first_that_failed() -> None:
    interval = partial_success(ROWS, {"a": 4, "b": 4, "long": 4}, round=0)
    assert interval is not None
    assert interval.mean == pytest.approx(((1 + 0) / 2 + (2 / 4 + 0) / 2) / 2)


def test_bleu_of_the_reference_is_100_regardless_of_layout() -> None:
    pytest.importorskip("sacrebleu")
    reference = "def f(x):\n    return x + 1"
    rows = [
        row("a", 0, 0, "passed", program="def f( x ):\n\n  return x+1"),
        row("a", 1, 0, "failed", program="import os"),
        row("b", 0, 0, "failed", program="def f(x):\n    return x - 1"),
        row("c", 0, 0, "failed", program="no reference"),
    ]
    values = bleu_values(rows, {"a": [reference], "b": ["pass", reference]})
    assert values["a"] == pytest.approx(50, abs=1)
    assert 30 < values["b"] < 100
    assert "c" not in values


def test_programs_pass_the_public_tests_alone_if_the_first_failing_test_is_hidden() -> None:
    def attempt(problem: str, round: int, status: str, failing: int | None) -> dict[str, object]:
        return {
            "problem_id": problem,
            "sample": 0,
            "round": round,
            "status": status,
            "error_type": "",
            "failing_test": failing,
        }

    rows = [
        attempt("a", 0, "failed", 0),  # a public test
        attempt("a", 1, "failed", 2),  # a hidden test
        attempt("b", 0, "timeout", 1),  # a hidden test
        attempt("c", 0, "passed", None),
        attempt("d", 0, "syntax_error", None),
        attempt("e", 0, "sandbox_error", None),
        attempt("f", 0, "failed", 3),  # has no hidden tests
        attempt("g", 0, "skipped", None),
    ]
    public = {"a": 2, **dict.fromkeys("bcdeg", 1)}
    rate = public_only_rate(rows, public)
    assert rate is not None
    assert rate.mean == 2 / 5
    assert public_only_rate(rows, {}) is None
