"""Mixes of samples and repairs against samples alone, at the same cost."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest
from made_pools import made_attempts, made_row

from rayboot.errors import UserError
from rayboot.studies import Pool, Prices, Source, cost_of, make_pool
from rayboot.studies.after_failure import after_failures
from rayboot.studies.comparison import by_difficulty
from rayboot.studies.mixes import Mix, MixResult, compare_mix, measurable_mixes

TOKENS = cost_of("tokens", Prices())


def mixed(pool: Pool, samples: int, rounds: int) -> MixResult:
    result = compare_mix(pool.problems, Mix(samples=samples, rounds=rounds), TOKENS)
    assert result is not None
    return result


def test_a_mix_is_what_drawing_its_chains_again_and_again_gives_on_average() -> None:
    rows = made_attempts(lambda problem, before: 0.3 if before else 0.2, problems=3, samples=6, rounds=1)
    pool = make_pool([Source("repair", rows), Source("more", made_attempts(lambda *_: 0.2, 3, 9, 0, seed=1))])
    result = mixed(pool, 2, 1)
    solved, costs = [], []
    for problem in pool.problems:
        draws = list(combinations(problem.chains, 2))
        solved.append(fmean(any(chain[-1].passed for chain in draw) for draw in draws))
        costs.append(fmean(sum(step.tokens for chain in draw for step in chain) for draw in draws))
    assert result.solved.mean == pytest.approx(fmean(solved))
    assert result.cost == pytest.approx(fmean(costs))


def test_sampling_gets_as_many_samples_as_the_mix_costs() -> None:
    never = [
        made_row(0, sample, number, "failed", 150 if number else 50)
        for sample in range(8)
        for number in (0, 1)
    ]
    result = mixed(make_pool([Source("repair", never)]), 2, 1)
    assert (result.cost, result.attempts, result.equal_samples) == (600, 4, 6)


def test_a_mix_that_costs_more_than_all_recorded_samples_is_not_measured() -> None:
    never = [
        made_row(0, sample, number, "failed", 150 if number else 50)
        for sample in range(8)
        for number in (0, 1)
    ]
    pool = make_pool([Source("repair", never)])
    assert [str(result.mix) for result in measurable_mixes(pool, TOKENS)] == ["1 x 1", "2 x 1"]
    more = make_pool(
        [Source("repair", never), Source("sampling", [made_row(0, s, 0, "failed", 50) for s in range(8)])]
    )
    assert [str(result.mix) for result in measurable_mixes(more, TOKENS)] == ["1 x 1", "2 x 1", "4 x 1"]


@pytest.mark.parametrize(("repaired", "better"), [(0.9, "repair"), (0.02, "sampling")])
def test_the_better_way_wins_and_the_interval_says_so(repaired: float, better: str) -> None:
    rows = made_attempts(lambda problem, before: repaired if before else 0.2, 80, 8, 1)
    samples = made_attempts(lambda *_: 0.2, 80, 20, 0, seed=1)
    result = mixed(make_pool([Source("repair", rows), Source("sampling", samples)]), 2, 1)
    assert result.difference.sure
    assert (result.difference.difference.mean > 0) == (better == "repair")
    assert result.difference.p_value < 0.01


def test_neither_wins_where_a_token_brings_the_same() -> None:
    """A chain costs 2.6 samples on average, and as many pass as of 2.6 samples: 0.4368."""
    sure = 0
    for seed in range(10):
        rows = made_attempts(lambda problem, before: 0.296 if before else 0.2, 60, 8, 1, seed=seed)
        samples = made_attempts(lambda *_: 0.2, 60, 20, 0, seed=100 + seed)
        sure += mixed(make_pool([Source("repair", rows), Source("sampling", samples)]), 2, 1).difference.sure
    assert sure <= 3


def test_other_things_than_tokens_can_be_equal() -> None:
    never = [
        made_row(0, sample, number, "failed", 150 if number else 50)
        for sample in range(8)
        for number in (0, 1)
    ]
    pool = make_pool([Source("repair", never)])
    expected = {"attempts": 4, "completion-tokens": 4, "dollars": 2 * (200 + 300) / 200}
    for equal, samples in expected.items():
        cost = cost_of(equal, Prices(input=1, output=3))  # type: ignore[arg-type]
        result = compare_mix(pool.problems, Mix(samples=2, rounds=1), cost)
        assert result is not None
        assert result.equal_samples == pytest.approx(samples)


def test_difficulty_is_judged_on_other_draws_than_those_compared() -> None:
    """Of problems that are all alike, those judged hard do not look worse."""
    rows = made_attempts(lambda *_: 0.3, 400, 8, 1, seed=3)
    groups = by_difficulty(make_pool([Source("repair", rows)]))
    assert groups.keys() == {"easy", "medium", "hard"}
    for problems in groups.values():
        assert len(problems[0].chains) == 4
        passed = fmean(step.passed for problem in problems for step in problem.firsts)
        assert passed == pytest.approx(0.3, abs=0.05)


def test_a_benchmarks_own_difficulties_come_first() -> None:
    rows = made_attempts(lambda *_: 0.3, 3, 4, 1)
    pool = make_pool([Source("repair", rows)], {"p0": "interview", "p1": "introductory"})
    assert {name: len(problems) for name, problems in by_difficulty(pool).items()} == {
        "interview": 1,
        "introductory": 1,
    }


def test_after_each_failure_the_better_next_step_is_told() -> None:
    rows = made_attempts(
        lambda problem, before: {"": 0.2, "syntax_error": 0.9, "failed": 0.01}[before], 100, 8, 1
    )
    cost = cost_of("attempts", Prices())
    after = {one.kind: one for one in after_failures(make_pool([Source("repair", rows)]), cost)}
    assert after["syntax_error"].repair.mean == pytest.approx(0.9, abs=0.05)
    assert after["syntax_error"].sample.mean == pytest.approx(0.2, abs=0.05)
    assert after["syntax_error"].difference.difference.low > 0
    assert after["failed"].difference.difference.high < 0


def test_recordings_that_cannot_be_compared_are_refused() -> None:
    bare = [made_row(0, 0, 0, "failed", 50)]
    with pytest.raises(UserError, match="no repairs are recorded"):
        make_pool([Source("bare", bare)])
    uneven = [*bare, made_row(0, 1, 0, "failed", 50), made_row(0, 1, 1, "failed", 50)]
    with pytest.raises(UserError, match="a chain of p0 ends failing after round 0"):
        make_pool([Source("uneven", uneven)])
    whole = made_attempts(lambda *_: 0.0, 1, 2, 1)
    with pytest.raises(UserError, match="none of its problems, such as p0"):
        make_pool([Source("whole", whole)], {"other": ""})


def test_a_problem_whose_prompt_did_not_fit_is_solved_by_neither() -> None:
    rows = [
        *made_attempts(lambda *_: 1.0, 1, 4, 1),
        made_row(0, 4, 0, "failed", 50),
        made_row(0, 4, 1, "failed", 50),
    ]
    skipped = {**made_row(7, 0, 0, "skipped", 0), "completion_tokens": 0}
    result = mixed(make_pool([Source("repair", [*rows, skipped])]), 1, 1)
    assert result.solved.mean == pytest.approx(0.4)
    assert result.sampled.low == 0.0
