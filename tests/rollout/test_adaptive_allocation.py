"""Decisions of the adaptive allocation, from histories alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rayboot.attempts import Step
from rayboot.rollout import AdaptiveAllocation, Arm, Arms, RepairFirst, SampleAgain


def step(round: int, status: str, **fields: object) -> Step:
    tokens = {"prompt_tokens": 200 if round else 60, "completion_tokens": 40}
    return Step.model_validate({"round": round, "status": status, **tokens, **fields})


def histories(kind: str, repaired: float, sampled: float, times: int = 50) -> list[list[Step]]:
    """Return failures of one kind: `times` with a repair and `times` with a new sample, of which these shares pass."""
    return [
        [step(0, kind), step(round, "passed" if number < share * times else kind)]
        for round, share in ((1, repaired), (0, sampled))
        for number in range(times)
    ]


LEARNED = Arms.learned(
    [*histories("syntax_error", repaired=0.9, sampled=0.1), *histories("failed", repaired=0.02, sampled=0.3)]
)


BOTH: tuple[Arm, ...] = ("sample", "repair")


def decisions(
    allocation: AdaptiveAllocation, history: list[Step], possible: tuple[Arm, ...] = BOTH
) -> Counter[str]:
    return Counter(allocation.decide(history, possible, np.random.default_rng(seed)) for seed in range(200))


def test_it_repairs_what_repairs_well_and_samples_again_after_what_does_not() -> None:
    allocation = AdaptiveAllocation(LEARNED)
    assert decisions(allocation, [step(0, "syntax_error")])["repair"] > 190
    assert decisions(allocation, [step(0, "failed", failing_test=0)])["sample"] > 190


def test_the_first_step_is_a_sample_and_an_impossible_repair_is_not_chosen() -> None:
    allocation = AdaptiveAllocation(LEARNED, min_yield=1e9)
    assert decisions(allocation, [], ("sample",)) == {"sample": 200}
    assert decisions(AdaptiveAllocation(LEARNED), [step(0, "syntax_error")], ("sample",)) == {"sample": 200}


def test_it_stops_when_neither_arm_has_the_minimal_yield() -> None:
    history = [step(0, "failed", failing_test=0)]
    best = 1000 * 0.3 / 100  # passing programs per 1,000 tokens of new samples, as learned
    assert decisions(AdaptiveAllocation(LEARNED, min_yield=2 * best), history) == {"stop": 200}
    assert decisions(AdaptiveAllocation(LEARNED, min_yield=best / 2), history)["stop"] == 0


def test_no_action_is_expected_to_exceed_the_budget() -> None:
    history = [step(0, "syntax_error")]
    spent, sample, repair = 100, 100, 240
    assert decisions(AdaptiveAllocation(LEARNED, max_tokens=spent + repair + 5), history)["repair"] > 190
    assert decisions(AdaptiveAllocation(LEARNED, max_tokens=spent + sample + 5), history) == {"sample": 200}
    assert decisions(AdaptiveAllocation(LEARNED, max_tokens=spent + 50), history) == {"stop": 200}


def test_without_experience_both_are_tried() -> None:
    counts = decisions(AdaptiveAllocation(), [step(0, "failed")])
    assert min(counts["sample"], counts["repair"]) > 60


def test_an_unknown_situation_falls_back_on_the_counts_of_the_arm() -> None:
    arms = Arms.learned(histories("failed", repaired=0.0, sampled=0.5))
    counts = decisions(AdaptiveAllocation(arms), [step(0, "timeout")])
    assert counts["sample"] > 190


def test_the_same_history_and_seed_give_the_same_decision() -> None:
    allocation, history = AdaptiveAllocation(), [step(0, "failed")]
    first, second = (
        [allocation.decide(history, BOTH, np.random.default_rng(seed)) for seed in range(50)]
        for _ in range(2)
    )
    assert first == second


def test_attempts_after_a_passing_one_and_skipped_attempts_are_not_counted() -> None:
    seen = [
        [step(0, "failed"), step(0, "passed"), step(0, "failed")],
        [step(0, "failed"), step(1, "skipped")],
    ]
    assert Arms.learned(seen).counts["sample",].trials == 1
    assert ("repair",) not in Arms.learned(seen).counts


@pytest.mark.parametrize(("last", "expected"), [(0, "repair"), (1, "repair"), (2, "sample")])
def test_repair_first_repairs_up_to_its_number_of_rounds_in_a_row(last: int, expected: str) -> None:
    random = np.random.default_rng(0)
    assert RepairFirst(rounds=2).decide([step(last, "failed")], BOTH, random) == expected
    assert RepairFirst(rounds=2).decide([step(last, "failed")], ("sample",), random) == "sample"
    assert SampleAgain().decide([step(last, "failed")], BOTH, random) == "sample"
    assert SampleAgain().decide([step(last, "failed")], ("repair",), random) == "stop"


def test_kinds_name_the_exception_and_situations_a_later_test() -> None:
    raised = step(0, "error", error_type="NameError", failing_test=2)
    assert (raised.kind, raised.situation) == ("NameError", "NameError, first test passed")
    assert step(0, "failed", error_type="AssertionError", failing_test=0).situation == "failed"
