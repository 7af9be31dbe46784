"""Policies played on recorded attempts, and the comparison of what they spend and solve."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from made_pools import made_attempts, made_row

from rayboot.metrics import pass_at_k
from rayboot.rollout import RepairFirst, SampleAgain
from rayboot.studies import Prices, ProblemPool, Source, cost_of, make_pool
from rayboot.studies.curves import fixed_curve, play, stepwise

TOKENS = cost_of("tokens", Prices())
RANDOM = np.random.default_rng


def never(chains: int, rounds: int, samples: int = 0) -> ProblemPool:
    rows = [
        made_row(0, chain, number, "failed", 150 if number else 50)
        for chain in range(chains)
        for number in range(rounds + 1)
    ]
    sources = [Source("repair", rows)]
    if samples:
        sources.append(Source("more", [made_row(0, number, 0, "failed", 50) for number in range(samples)]))
    [problem] = make_pool(sources).problems
    return problem


def test_a_play_follows_the_policy_until_nothing_is_left() -> None:
    played = play(never(2, 2), RepairFirst(rounds=1), RANDOM(0))
    assert [step.round for step in played.history] == [0, 1, 0, 1]
    assert (played.exhausted, played.solved) == (True, False)


def test_a_play_ends_when_so_many_attempts_are_made_as_are_asked_for() -> None:
    played = play(never(2, 2), SampleAgain(), RANDOM(0), most=2)
    assert (len(played.history), played.exhausted) == (2, False)


def test_a_repair_that_was_not_recorded_ends_the_play_and_a_new_sample_does_not() -> None:
    problem = never(1, 1, samples=3)
    assert [step.round for step in play(problem, RepairFirst(rounds=1), RANDOM(0)).history] == [0, 1, 0]
    assert [step.round for step in play(problem, SampleAgain(), RANDOM(0)).history] == [0, 0, 0, 0]


def test_sampling_step_by_step_solves_what_pass_at_k_says() -> None:
    pool = make_pool([Source("repair", made_attempts(lambda *_: 0.3, 60, 10, 1))])
    curve = fixed_curve(pool, SampleAgain(), TOKENS)
    for most in (1, 2, 5):
        exact = fmean(
            pass_at_k(10, sum(step.passed for step in problem.firsts), most) for problem in pool.problems
        )
        assert curve.solved[:, most - 1].mean() == pytest.approx(exact, abs=0.03)


def test_values_between_settings_have_the_mean_of_a_mixture() -> None:
    pool = make_pool([Source("repair", made_attempts(lambda *_: 0.3, 30, 10, 1))])
    curve = fixed_curve(pool, SampleAgain(), TOKENS)
    halfway = (curve.spent[1] + curve.spent[2]) / 2
    solved = (curve.solved[:, 1].mean() + curve.solved[:, 2].mean()) / 2
    assert fmean(curve.at(float(halfway))) == pytest.approx(solved)


def test_the_adaptive_policy_beats_both_where_the_right_action_depends_on_the_error() -> None:
    """Syntax errors are nearly always repaired, wrong answers never: neither fixed policy can be right for both."""
    rows = made_attempts(
        lambda problem, before: {"": 0.1, "syntax_error": 0.6, "failed": 0.0}[before], 100, 10, 2
    )
    more = made_attempts(lambda *_: 0.1, 100, 20, 0, seed=1)
    results = stepwise(make_pool([Source("repair", rows), Source("sampling", more)]), TOKENS)
    assert results
    for result in results[2:]:
        assert result.adaptive_over_sampling.difference.low > 0
        assert result.adaptive_over_repair.difference.low > 0


def test_where_repair_is_hopeless_the_adaptive_policy_is_as_good_as_sampling() -> None:
    rows = made_attempts(lambda problem, before: 0.0 if before else 0.15, 80, 10, 1)
    more = made_attempts(lambda *_: 0.15, 80, 20, 0, seed=1)
    for result in stepwise(make_pool([Source("repair", rows), Source("sampling", more)]), TOKENS):
        assert result.repair_gain.difference.high < 0
        assert result.adaptive_over_sampling.difference.high > 0


def test_a_pool_of_one_chain_is_too_small_to_compare_step_by_step() -> None:
    rows = made_attempts(lambda *_: 0.3, 5, 1, 1)
    assert stepwise(make_pool([Source("repair", rows)]), TOKENS) == []
