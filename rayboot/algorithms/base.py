"""Base class of algorithms: options, and a loop over the lab's stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from rayboot.values import Section

if TYPE_CHECKING:
    from rayboot.config import Recipe
    from rayboot.pools.replica import Weights
    from rayboot.stages.lab import Lab

Feedback = Literal["none", "simple", "full"]


def type_of(section: object) -> object:
    """Return the `type` of an algorithm, or of a mapping with the options of one."""
    return section.get("type", "drboot") if isinstance(section, dict) else getattr(section, "type", None)


class Algorithm(Section):
    """Named loop over stages. The first field of a subclass is the name, `type: Literal["..."] = "..."`; the others are
    options. `rayboot/algorithms/__init__.py` registers the subclass."""

    roles: ClassVar[tuple[str, ...]] = ()
    """Models that the algorithm needs beside the policy, such as `teacher`; the recipe's `models` has one for each."""
    learns_references: ClassVar[bool] = False
    """Whether at least one training problem must have a reference."""

    def run(self, lab: Lab) -> Weights:
        """Train the policy, and return the weights to keep, which an iteration has evaluated.

        A resumed run calls this method again. Finished stages then return the recorded results, so the loop must
        request the same stages, and depend on nothing but the results of stages.
        """
        raise NotImplementedError

    def check(self, recipe: Recipe) -> None:
        """Raise ValueError if options in other sections of the recipe do not suit the algorithm."""

    @property
    def feedback_in_evaluation(self) -> Literal["simple", "full"]:
        """Feedback of repairs in evaluation, whatever the feedback in training."""
        return "simple"

    @property
    def without_effect(self) -> Mapping[str, str]:
        """Recipe options that this algorithm does not use, each with the reason. A recipe that sets one is rejected."""
        return {}
