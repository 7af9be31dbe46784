"""The making of one training set, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rayboot.config import CurationConfig
from rayboot.replay.sampling import Sampler
from rayboot.rollout import PromptSource
from rayboot.storage import Storage


@dataclass(frozen=True)
class CurationJob:
    """What the training set of an iteration is made from, and where it goes."""

    iteration: int
    seed: int
    options: CurationConfig
    prompts: PromptSource
    problems: Any
    """ObjectRef of a mapping from id to `Problem`."""
    storage: Storage
    folder: str
    """Below `storage`; what an interrupted run has left there is removed."""
    rollouts: Sequence[str] = ()
    """Rollout folders below `storage`: this iteration's, and with the replay buffer on those of the iterations before.
    Without any, nothing was sampled, and references are learned."""
    contaminated: frozenset[str] = frozenset()
    """Problems that must not be learned."""

    @property
    def sampler(self) -> Sampler:
        return Sampler(self.options, self.iteration, self.seed)
