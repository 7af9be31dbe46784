"""A model of a run, by role: options, pretrained weights, prompts, and engines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from rayboot.config import ModelConfig
from rayboot.pools.replica import GenerationPool, Weights, start_generation_pool
from rayboot.problems import Problem
from rayboot.rollout import PromptSource


class Model:
    """The policy, or a model beside it. Its engines start when a stage first needs them."""

    def __init__(self, role: str, config: ModelConfig, directory: str, few_shot: Sequence[Problem]) -> None:
        """Args:
        role: `policy`, or a role of the algorithm.
        config: Options of the model.
        directory: Directory of the pretrained model.
        few_shot: Few-shot examples of its prompts.
        """
        self.role, self.config = role, config
        self.pretrained = Weights(checkpoint=directory, version=0, role=role)
        self.prompts = PromptSource.of(config, directory, few_shot)
        self.refits = 0
        """Number of refits so far."""

    @cached_property
    def engines(self) -> GenerationPool:
        """The generation replicas. They take new weights in place, and persist across iterations."""
        return start_generation_pool(self.config.generation, self.pretrained.checkpoint, self.role)

    @property
    def has_engines(self) -> bool:
        """Whether the engines were started."""
        return "engines" in self.__dict__

    def close(self) -> None:
        """Shut down the engines, if they were started."""
        if self.has_engines:
            self.__dict__.pop("engines").shutdown()
