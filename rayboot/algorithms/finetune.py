"""Supervised fine-tuning on references: the baseline without rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from rayboot.algorithms.base import Algorithm

if TYPE_CHECKING:
    from rayboot.pools.replica import Weights
    from rayboot.stages.lab import Lab

ROLLOUT_OPTIONS = ("samples", "temperature", "top_p", "num_beams", "repair_rounds", "repair")
CURATION_OPTIONS = (
    "reference_fallback",
    "max_reference_share",
    "reinforce_first_prompt",
    "replay",
    "max_per_problem",
    "learn",
)


class Finetune(Algorithm):
    """Supervised fine-tuning: one refit of the pretrained model on the first prompts and references of the training
    problems."""

    type: Literal["finetune"] = "finetune"
    """Name of the algorithm."""
    learns_references: ClassVar[bool] = True

    def run(self, lab: Lab) -> Weights:
        lab.evaluate(lab.pretrained)
        for _ in lab.iterations(1):
            lab.evaluate(lab.refit(lab.references(), start=lab.pretrained))
        return lab.best()

    @property
    def without_effect(self) -> Mapping[str, str]:
        return {
            **dict.fromkeys(
                (f"rollout.{name}" for name in ROLLOUT_OPTIONS), "no training problem is sampled"
            ),
            **dict.fromkeys(
                (f"curation.{name}" for name in CURATION_OPTIONS), "the training set holds references alone"
            ),
        }
