"""The steps of a refit and the order of its examples: a function of seed and set, whatever the number of workers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from torch.utils.data import Dataset

from rayboot.config import TrainingConfig
from rayboot.training.examples import FILLER, Encoded
from rayboot.values import Frozen


class TrainingOrder(Dataset[Encoded]):
    """All batches of a refit in order. Each epoch is a new permutation of the examples.

    A batch with fewer examples than `Schedule.slots`, such as the last of an epoch, is filled up with `FILLER`: no
    example counts twice. Within a batch examples are sorted by length, so that a micro-batch has little padding. The
    step is a sum over the batch, so the order does not change it.
    """

    def __init__(self, examples: list[Encoded], schedule: Schedule, seed: int) -> None:
        self._examples = examples
        lengths = np.array([len(example["input_ids"]) + len(example["labels"]) for example in examples])
        batches: list[np.ndarray] = []
        for epoch in range(-(-schedule.total_steps // schedule.steps_per_epoch)):
            order = np.random.default_rng([seed, epoch]).permutation(len(examples))
            for start in range(0, len(order), schedule.batch_size):
                batch = order[start : start + schedule.batch_size]
                batch = batch[np.argsort(lengths[batch], kind="stable")]
                fill = np.full(schedule.slots - len(batch), -1)
                batches.append(np.concatenate([fill, batch]))
        self._order = np.concatenate(batches[: schedule.total_steps])

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> Encoded:
        index = self._order[position]
        return FILLER if index < 0 else self._examples[index]


class Schedule(Frozen):
    batch_size: int
    """Examples per optimizer step, over all workers."""
    micro_batch_size: int
    accumulation: int
    """Micro-batches of one worker per optimizer step."""
    workers: int
    steps_per_epoch: int
    total_steps: int
    warmup_steps: int
    evaluations: frozenset[int]
    """Steps after which the validation loss is measured, the last step included."""
    log_every: int

    @property
    def slots(self) -> int:
        """Examples that a step's micro-batches can hold: more than `batch_size` where that is not divisible."""
        return self.micro_batch_size * self.accumulation * self.workers

    @classmethod
    def plan(cls, config: TrainingConfig, examples: int, workers: int) -> Schedule:
        """Plan a refit on N examples by N workers: ceil(examples / batch_size) steps per epoch."""
        micro = config.micro_batch_size or math.ceil(config.batch_size / workers)
        per_epoch = math.ceil(examples / config.batch_size)
        # Exact decimals: 0.1 * 30 in floats is slightly above 3, and would give a fourth step.
        total = math.ceil(Fraction(str(config.epochs)) * per_epoch)
        return cls(
            batch_size=config.batch_size,
            micro_batch_size=micro,
            accumulation=math.ceil(config.batch_size / (micro * workers)),
            workers=workers,
            steps_per_epoch=per_epoch,
            total_steps=total,
            warmup_steps=math.ceil(Fraction(str(config.warmup_ratio)) * total),
            evaluations=_evaluations(per_epoch / config.evaluations_per_epoch, total),
            log_every=max(1, total // 100),
        )


def _evaluations(interval: float, total: int) -> frozenset[int]:
    times = math.floor(total / interval)
    return frozenset({total, *(min(total, max(1, round(k * interval))) for k in range(1, times + 1))})
