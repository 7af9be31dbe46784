"""Mixes of samples and repairs against samples alone, at equal cost."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest
from synthetic_attempts import attempt_row, synthetic_attempts

from rayboot.errors import UserError
from rayboot.studies.after_failure import after_failures
from rayboot.studies.comparison import by_difficulty
from rayboot.studies.mixes import Mix, MixResult, compare_mix, measurable_mixes
from rayboot.studies.recorded import Prices, RecordedAttempts, Source, combine_sources, cost_of

TOKENS = cost_of("tokens", Prices())


def mix_result(recorded: RecordedAttempts, samples: int, rounds: int) -> MixResult:
    result = compare_mix(recorded.problems, Mix(samples=samples, rounds=rounds), TOKENS)
    assert result is not None
    return result


def test_the_result_of_a_mix_is_the_mean_over_all_draws_of_chains() -> None:
    rows = synthetic_attempts(lambda problem, before: 0.3 if before else 0.2, problems=3, samples=6, rounds=1)
    recorded = combine_sources(
        [Source("repair", rows), Source("more", synthetic_attempts(lambda *_: 0.2, 3, 9, 0, seed=1))]
    )
    result = mix_result(recorded, 2, 1)
    solved, costs = [], []
    for problem in recorded.problems:
        draws = list(combinations(problem.chains, 2))
        solved.append(fmean(any(chain[-1].passed for chain in draw) for draw in draws))
        costs.append(fmean(sum(step.tokens for chain in draw for step in chain) for draw in draws))
    assert result.solved.mean == pytest.approx(fmean(solved))
    assert result.cost == pytest.approx(fmean(costs))


def test_sampling_alone_has_the_cost_of_the_mix() -> None:
    never = [
        attempt_row(0, sample, number, "failed", 150 if number else 50)
        for sample in range(8)
        for number in (0, 1)
    ]
    result = mix_result(combine_sources([Source("repair", never)]), 2, 1)
    assert (result.cost, result.attempts, result.equal_samples) == (600, 4, 6)


def test_a_mix_that_costs_more_than_all_recorded_samples_is_not_measured() -> None:
    never = [
        attempt_row(0, sample, number, "failed", 150 if number else 50)
        for sample in range(8)
        for number in (0, 1)
    ]
    recorded = combine_sources([Source("repair", never)])
    assert [str(result.mix) for result in measurable_mixes(recorded, TOKENS)] == ["1 x 1", "2 x 1"]
    more = combine_sources(
        [Source("repair", never), Source("sampling", [attempt_row(0, s, 0, "failed", 50) for s in range(8)])]
    )
    assert [str(result.mix) for result in measurable_mixes(more, TOKENS)] == ["1 x 1", "2 x 1", "4 x 1"]


@pytest.mark.parametrize(("repaired", "better"), [(0.9, "repair"), (0.02, "sampling")])
def test_a_large_difference_is_significant(repaired: float, better: str) -> None:
    rows = synthetic_attempts(lambda problem, before: repaired if before else 0.2, 80, 8, 1)
    samples = synthetic_attempts(lambda *_: 0.2, 80, 20, 0, seed=1)
    result = mix_result(combine_sources([Source("repair", rows), Source("sampling", samples)]), 2, 1)
    assert result.difference.sure
    assert (result.difference.difference.mean > 0) == (better == "repair")
    assert result.difference.p_value < 0.01


def test_equal_yields_per_token_are_rarely_significantly_different() -> None:
    """A chain costs 2.6 samples on average, and its probability to pass is that of 2.6 samples: 0.4368."""
    sure = 0
    for seed in range(10):
        rows = synthetic_attempts(lambda problem, before: 0.296 if before else 0.2, 60, 8, 1, seed=seed)
        samples = synthetic_attempts(lambda *_: 0.2, 60, 20, 0, seed=100 + seed)
        sure += mix_result(
            combine_sources([Source("repair", rows), Source("sampling", samples)]), 2, 1
        ).difference.sure
    assert sure <= 3


def test_costs_can_be_equal_in_other_units_than_tokens() -> None:
    never = [
        attempt_row(0, sample, number, "failed", 150 if number else 50)
        for sample in range(8)
        for number in (0, 1)
    ]
    recorded = combine_sources([Source("repair", never)])
    expected = {"attempts": 4, "completion-tokens": 4, "dollars": 2 * (200 + 300) / 200}
    for equal, samples in expected.items():
        cost = cost_of(equal, Prices(input=1, output=3))  # type: ignore[arg-type]
        result = compare_mix(recorded.problems, Mix(samples=2, rounds=1), cost)
        assert result is not None
        assert result.equal_samples == pytest.approx(samples)


def test_difficulty_is_determined_on_other_draws_than_those_compared() -> None:
    """Of identical problems, those that are classified as hard have the same share of passing first attempts."""
    rows = synthetic_attempts(lambda *_: 0.3, 400, 8, 1, seed=3)
    groups = by_difficulty(combine_sources([Source("repair", rows)]))
    assert groups.keys() == {"easy", "medium", "hard"}
    for problems in groups.values():
        assert len(problems[0].chains) == 4
        passed = fmean(step.passed for problem in problems for step in problem.firsts)
        assert passed == pytest.approx(0.3, abs=0.05)


def test_a_data_sets_difficulties_take_precedence() -> None:
    rows = synthetic_attempts(lambda *_: 0.3, 3, 4, 1)
    recorded = combine_sources([Source("repair", rows)], {"p0": "interview", "p1": "introductory"})
    assert {name: len(problems) for name, problems in by_difficulty(recorded).items()} == {
        "interview": 1,
        "introductory": 1,
    }


def test_the_better_action_after_each_kind_of_failure_is_found() -> None:
    rows = synthetic_attempts(
        lambda problem, before: {"": 0.2, "syntax_error": 0.9, "failed": 0.01}[before], 100, 8, 1
    )
    cost = cost_of("attempts", Prices())
    after = {
        result.kind: result for result in after_failures(combine_sources([Source("repair", rows)]), cost)
    }
    assert after["syntax_error"].repair.mean == pytest.approx(0.9, abs=0.05)
    assert after["syntax_error"].sample.mean == pytest.approx(0.2, abs=0.05)
    assert after["syntax_error"].difference.difference.low > 0
    assert after["failed"].difference.difference.high < 0


def test_a_program_that_could_not_be_judged_needs_no_repair_to_be_compared() -> None:
    rows = [
        attempt_row(0, 0, 0, "sandbox_error", 50),
        attempt_row(0, 1, 0, "failed", 50),
        attempt_row(0, 1, 1, "passed", 50),
    ]
    assert len(combine_sources([Source("both", rows)]).problems[0].chains) == 2


def test_attempts_that_cannot_be_compared_are_refused() -> None:
    bare = [attempt_row(0, 0, 0, "failed", 50)]
    with pytest.raises(UserError, match="no repairs are recorded"):
        combine_sources([Source("bare", bare)])
    uneven = [*bare, attempt_row(0, 1, 0, "failed", 50), attempt_row(0, 1, 1, "failed", 50)]
    with pytest.raises(UserError, match="a chain of p0 ends failing after round 0"):
        combine_sources([Source("uneven", uneven)])
    complete = synthetic_attempts(lambda *_: 0.0, 1, 2, 1)
    with pytest.raises(UserError, match="none of its problems, such as p0"):
        combine_sources([Source("complete", complete)], {"other": ""})


def test_a_problem_whose_prompt_did_not_fit_is_unsolved_on_both_sides() -> None:
    rows = [
        *synthetic_attempts(lambda *_: 1.0, 1, 4, 1),
        attempt_row(0, 4, 0, "failed", 50),
        attempt_row(0, 4, 1, "failed", 50),
    ]
    skipped = {**attempt_row(7, 0, 0, "skipped", 0), "completion_tokens": 0}
    result = mix_result(combine_sources([Source("repair", [*rows, skipped])]), 1, 1)
    assert result.solved.mean == pytest.approx(0.4)
    assert result.sampled.low == 0.0
