"""Dr. Boot: bootstrapping with repair (arXiv 2507.15889)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rayboot.algorithms.base import Algorithm, Feedback

if TYPE_CHECKING:
    from rayboot.pools.replica import Weights
    from rayboot.stages.lab import Lab


class DrBoot(Algorithm):
    """Dr. Boot (arXiv 2507.15889): the policy learns from its own verified solutions and repairs.

    Each iteration starts from the policy of the one before. It samples a solution to every training problem, and the
    sandbox verifies it; a failing program returns with feedback and is repaired. What passed is learned on the prompt
    that it answered; where nothing passed, the reference. The new weights are published and measured.
    """

    type: Literal["drboot"] = "drboot"
    """Name of the algorithm."""
    iterations: int = Field(default=3, ge=1)
    """Turns of the loop after the evaluation of the pretrained model (iteration 0)."""
    feedback: Feedback = "full"
    """`full`: repair with the interpreter's error or with call, got and expected. `simple`: repair with "The code
    above is wrong." `none`: no repair in training (plain bootstrapping)."""
    start: Literal["pretrained", "previous"] = "pretrained"
    """Weights that each refit begins with: the pretrained ones (the paper), or those of the iteration before."""

    def run(self, lab: Lab) -> Weights:
        policy = lab.pretrained
        lab.evaluate(policy)
        for _ in lab.iterations(self.iterations):
            attempts = lab.rollout(policy, self.feedback)
            examples = lab.curate(attempts)
            policy = lab.refit(examples, start=lab.pretrained if self.start == "pretrained" else policy)
            lab.evaluate(policy)
        return lab.best()

    @property
    def feedback_in_evaluation(self) -> Literal["simple", "full"]:
        return "full" if self.feedback == "full" else "simple"

    @property
    def without_effect(self) -> Mapping[str, str]:
        if self.feedback != "none":
            return {}
        why = "there are no repairs with algorithm.feedback: none"
        return dict.fromkeys(("rollout.repair_rounds", "curation.reinforce_first_prompt"), why)
