"""Supervised fine-tuning on references: the baseline without rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rayboot.algorithms.base import Algorithm

if TYPE_CHECKING:
    from rayboot.pools.replica import Weights
    from rayboot.stages.lab import Lab

CURATION_OPTIONS = (
    "reference_fallback",
    "max_reference_share",
    "reinforce_first_prompt",
    "replay",
    "max_per_problem",
    "learn",
)


class Finetune(Algorithm):
    """Supervised fine-tuning of the policy on the first prompts and references of the training problems."""

    type: Literal["finetune"] = "finetune"
    """Name of the algorithm."""
    iterations: int = Field(default=1, ge=1)
    """Number of refits, each evaluated."""
    start: Literal["pretrained", "previous"] = "pretrained"
    """Initial weights of each refit: `pretrained`, or those of the `previous` iteration."""
    learns_references: ClassVar[bool] = True

    def run(self, lab: Lab) -> Weights:
        policy = lab.pretrained
        lab.evaluate(policy)
        for _ in lab.iterations(self.iterations):
            policy = lab.refit(
                lab.references(), start=lab.pretrained if self.start == "pretrained" else policy
            )
            lab.evaluate(policy)
        return lab.best()

    @property
    def without_effect(self) -> Mapping[str, str]:
        return {
            "rollout.repair_rounds": "no training problem is sampled",
            **dict.fromkeys(
                (f"curation.{name}" for name in CURATION_OPTIONS), "the training set holds references alone"
            ),
        }
