"""Intervals say how far a mean may be off, also where every problem has the same value."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from rayboot.metrics import bootstrap_interval, paired, ratio_interval
from rayboot.metrics.intervals import paired_by_seed, seed_interval


@pytest.mark.parametrize("passed", [0, 1])
@pytest.mark.parametrize("problems", [1, 5, 164])
def test_a_rate_of_0_or_1_has_wilsons_interval(passed: int, problems: int) -> None:
    found = bootstrap_interval([passed] * problems)
    wilson = binomtest(passed * problems, problems).proportion_ci(method="wilson")
    assert (found.mean, found.low, found.high) == pytest.approx((passed, wilson.low, wilson.high))
    repaired = ratio_interval([2 * passed] * problems, [2] * problems)
    assert repaired == found


def test_problems_without_a_base_do_not_make_a_ratio_surer() -> None:
    assert ratio_interval([0, 0, 0], [3, 0, 0]) == bootstrap_interval([0])


def test_a_ratio_at_0_reaches_to_what_the_problems_could_have_given() -> None:
    found = ratio_interval([0] * 5, [0.5] * 5, most=[2] * 5)
    share = bootstrap_interval([0] * 5)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0, 4 * share.high))


def test_two_models_that_solve_the_same_problems_may_differ_on_others() -> None:
    same = paired([1, 0, 1], [1, 0, 1]).difference
    assert same.low == pytest.approx(-same.high)
    assert same.high == bootstrap_interval([0, 0, 0]).high
    assert not paired([1, 1, 1], [0, 0, 0]).sure
    assert paired([1] * 20, [0] * 20).sure


def test_other_values_have_the_percentile_interval_of_the_bootstrap() -> None:
    found = bootstrap_interval([1, 0, 1, 1] * 25)
    assert (found.low, found.high) == pytest.approx((0.665, 0.83), abs=0.01)


def test_seeds_that_all_solve_nothing_leave_what_their_problems_allow() -> None:
    assert seed_interval([0.0, 0.0, 0.0], problems=40) == bootstrap_interval([0] * 40)
    difference = paired_by_seed({1: 0.5, 2: 0.25}, {1: 0.5, 2: 0.25}, problems=40)
    assert difference.high == -difference.low == bootstrap_interval([0] * 40).high
    assert seed_interval([3.0, 3.0]).high == 3.0  # of seconds nothing is known beyond
