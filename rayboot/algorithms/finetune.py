"""Supervised fine-tuning on references: the baseline that samples nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from rayboot.algorithms.base import Algorithm

if TYPE_CHECKING:
    from rayboot.pools.replica import Weights
    from rayboot.stages.lab import Lab

SAMPLING = ("samples", "temperature", "top_p", "num_beams", "repair_rounds", "repair")
CHOICES = (
    "reference_fallback",
    "max_reference_share",
    "reinforce_first_prompt",
    "replay",
    "max_per_problem",
)


class Finetune(Algorithm):
    """One refit of the pretrained model on the references of the training problems, each on its first prompt."""

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
            **dict.fromkeys((f"rollout.{name}" for name in SAMPLING), "no training problem is sampled"),
            **dict.fromkeys((f"curation.{name}" for name in CHOICES), "each problem teaches its reference"),
        }
