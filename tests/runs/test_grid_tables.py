from __future__ import annotations

from math import isnan

import pytest

from rayboot.metrics import MetricsRow
from rayboot.metrics.intervals import paired_by_seed, seed_interval
from rayboot.runs.experiment import RunResult, grid_tables, run_result


def result(arm: str, seed: int, pass_at_1: float, seconds: float = 100.0) -> RunResult:
    return RunResult(
        arm=arm,
        seed=seed,
        best_iteration=1,
        split="test",
        pass_at_1=pass_at_1,
        repair_at_1=pass_at_1 + 0.1,
        curve=(0.2, pass_at_1),
        seconds=seconds,
        tokens=1000,
    )


def test_the_interval_over_seeds_is_students_t() -> None:
    # The t quantile with 4 degrees of freedom is 2.776; the standard deviation of 1..5 is sqrt(2.5).
    interval = seed_interval([1, 2, 3, 4, 5])

    assert interval.mean == 3
    assert interval.high - 3 == pytest.approx(2.776445 * (2.5 / 5) ** 0.5, rel=1e-5)
    assert 3 - interval.low == pytest.approx(interval.high - 3)


def test_the_interval_of_a_single_seed_is_nan() -> None:
    assert isnan(seed_interval([0.5]).low)


def test_differences_are_paired_by_seed() -> None:
    interval = paired_by_seed({0: 0.9, 1: 0.5, 2: 0.1}, {1: 0.4, 2: 0.0, 7: 1.0})

    assert interval.mean == pytest.approx(0.1)
    assert interval.high - interval.low == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="no seed"):
        paired_by_seed({0: 0.9}, {1: 0.4})


def test_the_table_has_means_deviations_and_paired_differences() -> None:
    results = [
        result("restart", 0, 0.40),
        result("continue", 0, 0.50, seconds=150.0),
        result("restart", 1, 0.60),
        result("continue", 1, 0.70, seconds=170.0),
    ]

    lines = grid_tables(results, "restart").splitlines()

    [restart] = [line for line in lines if line.startswith("| restart") and "baseline" in line]
    [continued] = [line for line in lines if line.startswith("| continue") and "±" in line and "," in line]
    assert "50.0 % ± 14.1" in restart
    assert "60.0 % ± 14.1" in continued
    assert "+10.0 [+10.0, +10.0]" in continued
    assert "+60 [-67, +187]" in continued
    assert "| continue | 20.0 % ± 0.0 | 60.0 % ± 14.1 |" in lines


def test_a_runs_result_has_the_test_rates_of_the_best_iteration_and_all_seconds() -> None:
    def row(iteration: int, split: str, share: float, seconds: dict[str, float]) -> MetricsRow:
        rates = {"pass@1": share, "repair@1": share + 0.05}
        return MetricsRow(
            iteration=iteration,
            split=split,
            rates=rates,
            prompt_tokens=10,
            completion_tokens=5,
            seconds=seconds,
        )

    first, second = (
        {"evaluation": 2.0, "publish": 1.0},
        {"rollout": 3.0, "refit": 4.0, "evaluation": 2.0, "fit": 3.5},
    )
    rows = [
        row(0, "validation", 0.9, first),
        row(0, "test", 0.1, first),
        row(1, "train", 0.3, second),
        row(1, "validation", 0.8, second),
        row(1, "test", 0.6, second),
    ]

    computed = run_result("restart", 4, rows, best_iteration=1)

    assert (computed.pass_at_1, computed.repair_at_1) == (0.6, pytest.approx(0.65))
    assert computed.curve == (0.1, 0.6)
    assert computed.seconds == 11.0
    assert computed.tokens == 5 * 15
