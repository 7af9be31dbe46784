from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import Trainer

from rayboot.config import TrainingConfig
from rayboot.training.callback import best_of, out_of_patience
from rayboot.training.schedule import Schedule
from rayboot.training.trainer import training_arguments


def plan(examples: int, **options: object) -> Schedule:
    config = TrainingConfig.model_validate(options)
    return Schedule.plan(config, examples, config.workers)


def test_an_epoch_has_a_step_for_each_batch_begun() -> None:
    assert plan(100, batch_size=24, epochs=10).steps_per_epoch == 5
    assert plan(100, batch_size=24, epochs=10).total_steps == 50
    assert plan(100, batch_size=24, epochs=0.5).total_steps == 3
    assert plan(10, batch_size=1, epochs=0.3).total_steps == 3


def test_workers_and_micro_batches_share_a_step() -> None:
    schedule = plan(100, batch_size=24, workers=2, micro_batch_size=3)
    assert (schedule.micro_batch_size, schedule.accumulation) == (3, 4)
    assert plan(100, batch_size=24, workers=2).micro_batch_size == 12


def test_workers_whose_number_does_not_divide_a_batch_have_empty_slots() -> None:
    config = TrainingConfig(batch_size=16, workers=4, min_workers=1)
    schedule = Schedule.plan(config, 100, workers=3)
    assert (schedule.micro_batch_size, schedule.accumulation, schedule.slots) == (6, 1, 18)
    assert Schedule.plan(config, 100, workers=2).slots == 16


def test_evaluations_are_spread_over_the_epochs_and_end_with_the_last_step() -> None:
    assert plan(40, batch_size=10, epochs=2).evaluations == {4, 8}
    assert plan(40, batch_size=10, epochs=2, evaluations_per_epoch=2).evaluations == {2, 4, 6, 8}
    assert plan(40, batch_size=10, epochs=5, evaluations_per_epoch=0.5).evaluations == {8, 16, 20}
    assert plan(10, batch_size=10, epochs=3, evaluations_per_epoch=4).evaluations == {1, 2, 3}


@pytest.mark.parametrize(
    ("course", "after"), [("linear", 0.5), ("cosine", 0.5), ("polynomial", 0.25), ("constant", 1.0)]
)
def test_the_learning_rate_rises_and_then_follows_its_schedule(
    tmp_path: Path, course: str, after: float
) -> None:
    config = TrainingConfig.model_validate({"lr": 1.0, "warmup_ratio": 0.5, "epochs": 8, "schedule": course})
    schedule = Schedule.plan(config, 24, workers=1)
    parameter = torch.nn.Linear(1, 1)
    trainer = Trainer(model=parameter, args=training_arguments(config, schedule, 0, str(tmp_path)))
    trainer.create_optimizer_and_scheduler(schedule.total_steps)
    rates = []
    for _ in range(schedule.total_steps):
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        trainer.optimizer.step()
        trainer.lr_scheduler.step()

    assert rates[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    assert rates[6] == pytest.approx(after)


def test_the_first_of_equally_good_evaluations_is_the_best() -> None:
    assert best_of([(1, 2.0), (2, 1.0), (3, 1.0)]) == (2, 1.0)
    assert best_of([(1, math.nan), (2, 3.0)]) == (2, 3.0)
    assert best_of([(1, math.nan)]) is None


def test_patience_counts_evaluations_since_the_best() -> None:
    curve = [(1, 2.0), (2, 1.0), (3, 1.5), (4, 1.0)]
    assert out_of_patience(curve, 2)
    assert not out_of_patience(curve, 3)
    assert not out_of_patience(curve, None)
    assert out_of_patience([(1, math.nan), (2, math.nan)], 2)
