"""How many steps a refit takes, and at which of them it does more than a step."""

from __future__ import annotations

import math
from fractions import Fraction

from rayboot.config.training import TrainingConfig
from rayboot.problems.types import Frozen


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
