"""Simulation of allocations on recorded attempts, and the comparison of their curves."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from synthetic_attempts import attempt_row, synthetic_attempts

from rayboot.metrics import pass_at_k
from rayboot.rollout import RepairFirst, SampleAgain
from rayboot.studies.curves import fixed_curve, simulate, stepwise
from rayboot.studies.recorded import Prices, RecordedProblem, Source, combine_sources, cost_of

TOKENS = cost_of("tokens", Prices())
RANDOM = np.random.default_rng


def never(chains: int, rounds: int, samples: int = 0) -> RecordedProblem:
    """Return a problem that is never solved, with chains of `rounds` repairs and additional first attempts."""
    rows = [
        attempt_row(0, chain, number, "failed", 150 if number else 50)
        for chain in range(chains)
        for number in range(rounds + 1)
    ]
    sources = [Source("repair", rows)]
    if samples:
        sources.append(Source("more", [attempt_row(0, number, 0, "failed", 50) for number in range(samples)]))
    [problem] = combine_sources(sources).problems
    return problem


def test_a_simulation_follows_the_allocation_until_no_recorded_attempt_is_left() -> None:
    simulation = simulate(never(2, 2), RepairFirst(rounds=1), RANDOM(0))
    assert [step.round for step in simulation.history] == [0, 1, 0, 1]
    assert (simulation.exhausted, simulation.solved) == (True, False)


def test_a_simulation_ends_at_the_maximum_number_of_attempts() -> None:
    simulation = simulate(never(2, 2), SampleAgain(), RANDOM(0), most=2)
    assert (len(simulation.history), simulation.exhausted) == (2, False)


def test_a_repair_that_was_not_recorded_ends_the_simulation_and_a_new_sample_does_not() -> None:
    problem = never(1, 1, samples=3)
    assert [step.round for step in simulate(problem, RepairFirst(rounds=1), RANDOM(0)).history] == [0, 1, 0]
    assert [step.round for step in simulate(problem, SampleAgain(), RANDOM(0)).history] == [0, 0, 0, 0]


def test_the_curve_of_sampling_step_by_step_is_pass_at_k() -> None:
    recorded = combine_sources([Source("repair", synthetic_attempts(lambda *_: 0.3, 60, 10, 1))])
    curve = fixed_curve(recorded, SampleAgain(), TOKENS)
    for most in (1, 2, 5):
        exact = fmean(
            pass_at_k(10, sum(step.passed for step in problem.firsts), most) for problem in recorded.problems
        )
        assert curve.solved[:, most - 1].mean() == pytest.approx(exact, abs=0.03)


def test_values_between_settings_are_interpolated() -> None:
    recorded = combine_sources([Source("repair", synthetic_attempts(lambda *_: 0.3, 30, 10, 1))])
    curve = fixed_curve(recorded, SampleAgain(), TOKENS)
    halfway = (curve.spent[1] + curve.spent[2]) / 2
    solved = (curve.solved[:, 1].mean() + curve.solved[:, 2].mean()) / 2
    assert fmean(curve.at(float(halfway))) == pytest.approx(solved)


def test_adaptive_allocation_beats_both_fixed_ones_if_the_best_action_depends_on_the_error() -> None:
    """Most syntax errors and no wrong answers are repaired, so neither fixed allocation is best for both."""
    rows = synthetic_attempts(
        lambda problem, before: {"": 0.1, "syntax_error": 0.6, "failed": 0.0}[before], 100, 10, 2
    )
    more = synthetic_attempts(lambda *_: 0.1, 100, 20, 0, seed=1)
    results = stepwise(combine_sources([Source("repair", rows), Source("sampling", more)]), TOKENS)
    assert results
    for result in results[2:]:
        assert result.adaptive_over_sampling.difference.low > 0
        assert result.adaptive_over_repair.difference.low > 0


def test_adaptive_allocation_is_as_good_as_sampling_if_repairs_never_pass() -> None:
    rows = synthetic_attempts(lambda problem, before: 0.0 if before else 0.15, 80, 10, 1)
    more = synthetic_attempts(lambda *_: 0.15, 80, 20, 0, seed=1)
    for result in stepwise(combine_sources([Source("repair", rows), Source("sampling", more)]), TOKENS):
        assert result.repair_gain.difference.high < 0
        assert result.adaptive_over_sampling.difference.high > 0


def test_one_chain_per_problem_is_too_few_to_compare_step_by_step() -> None:
    rows = synthetic_attempts(lambda *_: 0.3, 5, 1, 1)
    assert stepwise(combine_sources([Source("repair", rows)]), TOKENS) == []
