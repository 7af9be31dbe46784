"""The order of a refit's examples, and its steps: functions of the seed and the set, whatever the number of workers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from torch.utils.data import Dataset

from rayboot.config import TrainingConfig
from rayboot.training.examples import IGNORED, Encoded
from rayboot.values import Frozen


class TrainingOrder(Dataset[Encoded]):
    """All batches of a refit, one after the other: each epoch a new permutation of the examples.

    A batch with fewer examples than the workers have places for, as the last of an epoch, is filled up with examples
    that teach nothing, so that every worker gets its equal share and no example counts twice. Within a batch examples
    come by length: a micro-batch then holds little padding, and the step, which is the sum over the batch, stays the
    same.
    """

    def __init__(self, examples: list[Encoded], schedule: Schedule, seed: int) -> None:
        self._examples = examples
        self._filler = Encoded(input_ids=[0], labels=[IGNORED])
        lengths = np.array([len(example["input_ids"]) + len(example["labels"]) for example in examples])
        batches: list[np.ndarray] = []
        for epoch in range(-(-schedule.total_steps // schedule.steps_per_epoch)):
            order = np.random.default_rng([seed, epoch]).permutation(len(examples))
            for start in range(0, len(order), schedule.batch_size):
                batch = order[start : start + schedule.batch_size]
                batch = batch[np.argsort(lengths[batch], kind="stable")]
                fill = np.full(schedule.places - len(batch), -1)
                batches.append(np.concatenate([fill, batch]))
        self._order = np.concatenate(batches[: schedule.total_steps])

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, position: int) -> Encoded:
        index = self._order[position]
        return self._filler if index < 0 else self._examples[index]


class Schedule(Frozen):
    batch_size: int
    """Examples of one step, over all workers."""
    micro_batch_size: int
    accumulation: int
    """Micro-batches that one worker adds up for one optimizer step."""
    workers: int
    steps_per_epoch: int
    total_steps: int
    warmup_steps: int
    evaluations: frozenset[int]
    """Steps after which the validation loss is measured; the last step is one of them."""
    log_every: int

    @property
    def places(self) -> int:
        """Examples that the micro-batches of a step hold: more than `batch_size` where that is not divisible."""
        return self.micro_batch_size * self.accumulation * self.workers

    @classmethod
    def plan(cls, config: TrainingConfig, examples: int, workers: int) -> Schedule:
        """The schedule of so many workers' refit on so many examples: ceil(examples / batch_size) steps an epoch."""
        micro = config.micro_batch_size or math.ceil(config.batch_size / workers)
        per_epoch = math.ceil(examples / config.batch_size)
        # The epochs as they are written: 0.1 * 30 in floats is a little above 3, and would give a fourth step.
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
