"""Paired comparison of two models on the same problems."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rayboot.metrics import paired, paired_by_problem, ratio_interval, ratio_values


def test_the_p_value_of_few_problems_is_exact() -> None:
    differences = [0.5, 0.25, 0.0, -0.25, 1.0, 0.75]
    observed = abs(sum(differences))
    nonzero = [value for value in differences if value]
    sums = [
        sum(sign * value for sign, value in zip(signs, nonzero, strict=True))
        for signs in itertools.product((1, -1), repeat=len(nonzero))
    ]
    exact = sum(abs(total) >= observed for total in sums) / len(sums)
    assert paired(differences, [0.0] * 6).p_value == pytest.approx(exact)


def test_the_p_value_of_many_problems_is_close_to_the_normal_approximation() -> None:
    random = np.random.default_rng(1)
    differences = random.normal(0.1, 1.0, size=400)
    z = abs(differences.sum()) / np.sqrt((differences**2).sum())
    normal = 2 * (1 - 0.5 * (1 + float(np.vectorize(__import__("math").erf)(z / np.sqrt(2)))))
    assert paired(differences.tolist(), [0.0] * 400).p_value == pytest.approx(normal, abs=0.02)


def test_a_small_constant_gain_is_significant_although_the_intervals_overlap() -> None:
    first = [problem / 50 for problem in range(50)]
    result = paired([value + 0.02 for value in first], first)
    assert result.difference.mean == pytest.approx(0.02)
    assert result.sure
    assert result.p_value < 0.001


def test_equal_values_have_no_significant_difference() -> None:
    result = paired([1.0, 0.0], [1.0, 0.0])
    assert (result.difference.mean, result.p_value, result.sure) == (0.0, 1.0, False)


def test_only_problems_of_both_sides_are_compared() -> None:
    result = paired_by_problem({"a": 1.0, "b": 0.0, "c": 0.5}, {"b": 1.0, "a": 0.0, "d": 0.0})
    assert (result.problems, result.difference.mean) == (2, 0.0)
    with pytest.raises(ValueError, match="problems that both sides have"):
        paired_by_problem({"a": 1.0}, {"b": 1.0})


def test_about_95_of_100_intervals_of_a_ratio_contain_the_true_ratio() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        bases = random.integers(1, 10, size=60)
        interval = ratio_interval(random.binomial(bases, 0.3).tolist(), bases.tolist(), resamples=400)
        assert interval is not None
        covered += interval.low <= 0.3 <= interval.high
    assert 88 <= covered <= 99


def test_a_ratio_with_base_0_has_no_interval() -> None:
    assert ratio_interval([0, 0], [0, 0]) is None


def test_the_mean_of_ratio_values_is_the_ratio() -> None:
    amounts, bases = [1.0, 0.0, 3.0], [2.0, 5.0, 3.0]
    assert np.mean(ratio_values(amounts, bases)) == pytest.approx(0.4)
