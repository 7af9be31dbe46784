from __future__ import annotations

from rayboot.config import TrainingConfig
from rayboot.training.examples import IGNORED, Encoded
from rayboot.training.schedule import Schedule, TrainingOrder

EXAMPLES = [Encoded(input_ids=[n] * (1 + n % 3), labels=[n] * (1 + n % 3)) for n in range(1, 11)]


def batches(seed: int = 0, epochs: float = 2, workers: int = 1) -> list[list[Encoded]]:
    """Return the refit's batches, of batch size 4."""
    schedule = Schedule.plan(TrainingConfig(batch_size=4, epochs=epochs), len(EXAMPLES), workers)
    order = TrainingOrder(EXAMPLES, schedule, seed)
    rows = [order[position] for position in range(len(order))]
    size = schedule.slots
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def numbers_in(batch: list[Encoded]) -> list[int]:
    return [row["labels"][0] for row in batch if row["labels"][0] != IGNORED]


def test_each_epoch_has_every_example_once() -> None:
    first, second = batches()[:3], batches()[3:]
    for epoch in (first, second):
        assert sorted(number for batch in epoch for number in numbers_in(batch)) == list(range(1, 11))
    assert [sorted(numbers_in(batch)) for batch in first] != [sorted(numbers_in(batch)) for batch in second]


def test_batches_are_all_full_so_that_workers_can_share_them() -> None:
    assert [len(batch) for batch in batches()] == [4] * 6
    assert [len(numbers_in(batch)) for batch in batches()] == [4, 4, 2] * 2


def test_any_number_of_workers_has_the_same_batches() -> None:
    assert [len(batch) for batch in batches(workers=3)] == [6] * 6
    assert [numbers_in(batch) for batch in batches(workers=3)] == [numbers_in(batch) for batch in batches()]


def test_a_part_of_an_epoch_ends_where_its_steps_end() -> None:
    assert len(batches(epochs=1.5)) == 5


def test_a_batch_is_sorted_by_length() -> None:
    for batch in batches():
        lengths = [len(row["input_ids"]) for row in batch]
        assert lengths == sorted(lengths)


def test_the_seed_decides_the_order() -> None:
    assert batches(seed=1) == batches(seed=1)
    assert batches(seed=1) != batches(seed=2)
