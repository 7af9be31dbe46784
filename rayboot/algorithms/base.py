"""What every algorithm is: options of its own, and a loop over the lab's stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rayboot.values import Section

if TYPE_CHECKING:
    from rayboot.pools.replica import Weights
    from rayboot.stages.lab import Lab

Feedback = Literal["none", "simple", "full"]


def type_of(section: Any) -> Any:
    """The `type` of an algorithm, or of the options that one is to be made of."""
    return section.get("type", "drboot") if isinstance(section, dict) else getattr(section, "type", None)


class Algorithm(Section):
    """A named loop over stages. A subclass has its own options and, as the first, its name:
    `type: Literal["..."] = "..."`; `rayboot/algorithms/__init__.py` lists it."""

    learns_references: ClassVar[bool] = False
    """Whether there must be references among the training problems."""

    def run(self, lab: Lab) -> Weights:
        """Improve the policy; return the weights to keep.

        It is run again from the top when a run is resumed: stages that are finished give back what they made, so the
        loop must ask for the same stages, and let nothing but their results decide.
        """
        raise NotImplementedError

    @property
    def feedback_in_evaluation(self) -> Literal["simple", "full"]:
        """What a repair is told when the policy is measured, whatever it learns from."""
        return "simple"

    @property
    def without_effect(self) -> Mapping[str, str]:
        """Options of a recipe that this algorithm does not use, with the reason: a recipe that sets one is
        refused."""
        return {}
