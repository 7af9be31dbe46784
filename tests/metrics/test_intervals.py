"""Intervals of means and ratios, also where every problem has the same value."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from rayboot.metrics import bootstrap_interval, paired, ratio_interval
from rayboot.metrics.intervals import paired_by_seed, seed_interval


@pytest.mark.parametrize("passed", [0, 1])
@pytest.mark.parametrize("problems", [1, 5, 164])
def test_a_rate_of_0_or_1_has_wilsons_interval(passed: int, problems: int) -> None:
    interval = bootstrap_interval([passed] * problems)
    wilson = binomtest(passed * problems, problems).proportion_ci(method="wilson")
    assert (interval.mean, interval.low, interval.high) == pytest.approx((passed, wilson.low, wilson.high))
    ratio = ratio_interval([2 * passed] * problems, [2] * problems)
    assert ratio == interval


def test_problems_with_base_0_do_not_narrow_the_interval_of_a_ratio() -> None:
    assert ratio_interval([0, 0, 0], [3, 0, 0]) == bootstrap_interval([0])


def test_the_upper_bound_of_a_ratio_of_0_scales_with_the_maximum_amounts() -> None:
    interval = ratio_interval([0] * 5, [0.5] * 5, most=[2] * 5)
    share = bootstrap_interval([0] * 5)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0, 4 * share.high))


def test_the_interval_of_a_difference_of_0_on_all_problems_is_not_empty() -> None:
    same = paired([1, 0, 1], [1, 0, 1]).difference
    assert same.low == pytest.approx(-same.high)
    assert same.high == bootstrap_interval([0, 0, 0]).high
    assert not paired([1, 1, 1], [0, 0, 0]).sure
    assert paired([1] * 20, [0] * 20).sure


def test_other_values_have_the_percentile_interval_of_the_bootstrap() -> None:
    interval = bootstrap_interval([1, 0, 1, 1] * 25)
    assert (interval.low, interval.high) == pytest.approx((0.665, 0.83), abs=0.01)


def test_the_interval_over_equal_seeds_is_that_of_the_problems() -> None:
    assert seed_interval([0.0, 0.0, 0.0], problems=40) == bootstrap_interval([0] * 40)
    difference = paired_by_seed({1: 0.5, 2: 0.25}, {1: 0.5, 2: 0.25}, problems=40)
    assert difference.high == -difference.low == bootstrap_interval([0] * 40).high
    assert seed_interval([3.0, 3.0]).high == 3.0  # seconds have no bounds
