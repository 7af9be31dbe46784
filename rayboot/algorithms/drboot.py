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
    """Dr. Boot (arXiv 2507.15889): train the policy on verified solutions and repairs that the policy wrote.

    Each iteration samples solutions to every training problem with the policy of the previous iteration. The sandbox
    verifies each program, and failing programs are repaired with feedback. The training set holds each passing program
    with the prompt that it answers, and (`curation.reference_fallback`) the reference of each problem without a passing
    program. The refitted weights are published and evaluated.
    """

    type: Literal["drboot"] = "drboot"
    """Name of the algorithm."""
    iterations: int = Field(default=3, ge=1)
    """Number of iterations after iteration 0, which evaluates the pretrained model."""
    feedback: Feedback = "full"
    """`full`: repair with the interpreter's error or with call, got and expected. `simple`: repair with "The code above
    is wrong. Please fix it." `none`: no repair in training (plain bootstrapping)."""
    start: Literal["pretrained", "previous"] = "pretrained"
    """Initial weights of each refit: `pretrained` (as in the paper), or those of the `previous` iteration."""

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
        why = "algorithm.feedback: none repairs nothing"
        return dict.fromkeys(("rollout.repair_rounds", "curation.reinforce_first_prompt"), why)
