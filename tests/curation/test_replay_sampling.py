"""Properties of replay: limits hold, and the choice does not depend on the order of attempts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from curation_helpers import PROMPTS, make_attempt, some_attempts
from hypothesis import given, settings
from hypothesis import strategies as st
from support.own_problems import make_problem

from rayboot.attempts import Attempt
from rayboot.config import CurationConfig
from rayboot.curation import Sampler, TrainingExample, curate_problem, normalised
from rayboot.curation.build import CANDIDATES_SCHEMA
from rayboot.curation.sampling import references_beside

NOW = 3
STRATEGIES = st.sampled_from(["uniform", "recency", "hardest"])
quick = settings(max_examples=60, deadline=None)


def curate(attempts: list[Attempt], options: CurationConfig) -> tuple[list[TrainingExample], Counter[str]]:
    """Return the candidates of all problems, and the numbers of dropped ones."""
    examples: list[TrainingExample] = []
    dropped: Counter[str] = Counter()
    for number in range(1, 5):
        problem = make_problem(number)
        of_problem = [attempt for attempt in attempts if attempt.problem_id == problem.id]
        curated = curate_problem(problem, of_problem, NOW, options, PROMPTS.builder)
        examples += curated.examples
        dropped += curated.dropped
    return examples, dropped


def rates_of(attempts: list[Attempt]) -> dict[str, float]:
    generated, passed = (
        Counter(a.problem_id for a in attempts),
        Counter(a.problem_id for a in attempts if a.passed),
    )
    return {id: passed[id] / generated[id] for id in generated}


def sample(
    attempts: list[Attempt], seed: int = 0, shuffled: list[int] | None = None, **options: Any
) -> tuple[list[dict[str, Any]], list[TrainingExample], Counter[str]]:
    """Return the kept rows, all candidates, and the numbers of examples dropped by limits."""
    config = CurationConfig.model_validate(options)
    candidates, _ = curate(attempts, config)
    sampler, rates = Sampler(config, NOW, seed), rates_of(attempts)
    rows = [
        {**example.model_dump(), **sampler.rank(example, rates[example.problem_id])._asdict()}
        for example in candidates
    ]
    if shuffled is not None:
        rows = [rows[index] for index in sorted(range(len(rows)), key=lambda i: hash((i, *shuffled)))]
    table = pa.Table.from_pylist(rows, schema=CANDIDATES_SCHEMA)
    kept, dropped = sampler.keep(table, sampler.cut(table))
    return kept.to_pylist(), candidates, dropped


def replayed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["iteration"] < NOW]


@quick
@given(some_attempts(), STRATEGIES, st.integers(1, 8), st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_global_limits_are_neither_exceeded_nor_underused(
    attempts: list[Attempt], strategy: str, size: int, share: float
) -> None:
    rows, candidates, dropped = sample(
        attempts, replay={"strategy": strategy, "size": size}, max_reference_share=share
    )
    available = sum(example.iteration < NOW for example in candidates)
    assert len(replayed(rows)) == min(size, available)
    references = sum(row["kind"] == "reference" for row in rows)
    assert references <= share * len(rows) + 1e-9
    all_references = sum(example.kind == "reference" for example in candidates)
    verified = len(rows) - references
    assert references == all_references or references + 1 > share * (verified + references + 1)
    assert len(rows) + dropped.total() == len(candidates)


@quick
@given(some_attempts(), st.integers(1, 3), st.integers(2, 4))
def test_no_problem_has_more_examples_than_the_caps(attempts: list[Attempt], old: int, all: int) -> None:
    replay = {"max_per_problem": old} if old < all else {}
    examples, _ = curate(attempts, CurationConfig.model_validate({"replay": replay, "max_per_problem": all}))
    assert max(Counter(example.problem_id for example in examples).values(), default=0) <= all
    if replay:
        earlier = Counter(example.problem_id for example in examples if example.iteration < NOW)
        assert max(earlier.values(), default=0) <= old


@quick
@given(some_attempts(), STRATEGIES, st.integers(1, 8), st.lists(st.integers(), min_size=1))
def test_the_choice_does_not_depend_on_the_order_of_attempts_or_candidates(
    attempts: list[Attempt], strategy: str, size: int, order: list[int]
) -> None:
    options = {"replay": {"strategy": strategy, "size": size}, "max_reference_share": 0.5}
    rows, _, _ = sample(attempts, **options)
    again, _, _ = sample(attempts[::-1], shuffled=order, **options)
    assert sorted(map(str, rows)) == sorted(map(str, again))


@quick
@given(some_attempts(), st.booleans())
def test_only_verified_programs_of_earlier_iterations_are_replayed_each_once(
    attempts: list[Attempt], reinforce: bool
) -> None:
    options = CurationConfig.model_validate({"replay": {}, "reinforce_first_prompt": reinforce})
    examples, _ = curate(attempts, options)
    verified = {
        (a.problem_id, a.iteration, a.sample, a.round): normalised(a.program, "python")
        for a in attempts
        if a.passed
    }
    fresh = {
        (a.problem_id, normalised(a.program, "python")) for a in attempts if a.passed and a.iteration == NOW
    }
    origins = {(e.problem_id, e.iteration, e.sample, e.round) for e in examples if e.iteration < NOW}
    assert origins <= verified.keys()
    programs = [(origin[0], verified[origin]) for origin in origins]
    assert len(set(programs)) == len(programs)
    assert fresh.isdisjoint(programs)


@quick
@given(some_attempts())
def test_every_candidate_is_kept_or_counted(attempts: list[Attempt]) -> None:
    free = CurationConfig.model_validate({"replay": {}, "reference_fallback": False})
    capped = CurationConfig.model_validate(
        {"replay": {"max_per_problem": 1}, "max_per_problem": 2, "reference_fallback": False}
    )
    verified = sum(attempt.passed for attempt in attempts)
    for options in (free, capped):
        examples, dropped = curate(attempts, options)
        assert len(examples) + dropped.total() == verified


@quick
@given(some_attempts(), st.integers(1, 8))
def test_hardest_replays_the_problems_with_the_lowest_solve_rates(attempts: list[Attempt], size: int) -> None:
    rows, candidates, _ = sample(attempts, replay={"strategy": "hardest", "size": size})
    rates = rates_of(attempts)
    kept = {(r["problem_id"], r["iteration"], r["sample"], r["round"]) for r in replayed(rows)}
    left_out = [
        rates[e.problem_id]
        for e in candidates
        if e.iteration < NOW and (e.problem_id, e.iteration, e.sample, e.round) not in kept
    ]
    assert not left_out or max(rates[id] for id, *_ in kept) <= min(left_out)


@quick
@given(some_attempts(), st.integers(1, 8))
def test_recency_replays_the_newest_programs(attempts: list[Attempt], size: int) -> None:
    rows, candidates, _ = sample(attempts, replay={"strategy": "recency", "size": size})
    kept = Counter(row["iteration"] for row in replayed(rows))
    available = Counter(example.iteration for example in candidates if example.iteration < NOW)
    assert not kept[1] or kept[2] == available[2]


def test_a_uniform_draw_depends_on_the_seed_and_is_uniform() -> None:
    attempts = [make_attempt(1, i % 2 + 1, "passed", program=i, sample=i) for i in range(20)]
    drawn: Counter[int] = Counter()
    for seed in range(200):
        rows, _, _ = sample(attempts, seed=seed, replay={"strategy": "uniform", "size": 5})
        drawn.update(row["sample"] for row in replayed(rows))
    assert len(drawn) == 20
    assert 25 <= min(drawn.values()) <= max(drawn.values()) <= 80  # 50 expected, within 4 standard deviations


@pytest.mark.parametrize(
    ("verified", "share", "allowed"), [(9, 0.1, 1), (8, 0.1, 0), (6, 0.5, 6), (0, 0.9, 0)]
)
def test_the_share_of_references_is_of_all_examples(verified: int, share: float, allowed: int) -> None:
    assert references_beside(verified, share) == allowed
