"""Algorithms: loops over stages, with their options, one per file. This module registers them."""

from typing import Annotated

from pydantic import Discriminator, Tag

from rayboot.algorithms.base import Algorithm, Feedback, type_of
from rayboot.algorithms.drboot import DrBoot
from rayboot.algorithms.finetune import Finetune

AnyAlgorithm = Annotated[
    Annotated[DrBoot, Tag("drboot")] | Annotated[Finetune, Tag("finetune")],
    Discriminator(type_of),
]
"""Recipe section `algorithm`; `type` selects the algorithm."""

__all__ = ["Algorithm", "AnyAlgorithm", "DrBoot", "Feedback", "Finetune"]
