"""Learn the arms of an adaptive rollout from an earlier rollout."""

from __future__ import annotations

from itertools import groupby

from rayboot.attempts import Step
from rayboot.rollout.allocation import Arms
from rayboot.rollout.stream import read_attempts
from rayboot.storage import Storage

FIELDS = list(Step.model_fields)


def learned_arms(storage: Storage, folder: str) -> Arms:
    """Return the arms learned from a rollout's attempts, with each problem's in the order of samples and rounds."""
    rows = read_attempts(storage, folder, FIELDS).to_pylist()
    return Arms.learned(
        [Step(**{name: row[name] for name in FIELDS}) for row in problem]
        for _, problem in groupby(rows, key=lambda row: (row["split"], row["problem_id"]))
    )
