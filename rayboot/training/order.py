"""In which order a refit sees its examples: a function of the seed alone, whatever the number of workers."""

from __future__ import annotations

import numpy as np
from torch.utils.data import Dataset

from rayboot.training.examples import IGNORED, Encoded
from rayboot.training.schedule import Schedule


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
