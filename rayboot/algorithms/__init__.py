"""Algorithms: each a loop over stages, with its options, in one file. Here they are listed."""

from typing import Annotated

from pydantic import Discriminator, Tag

from rayboot.algorithms.base import Algorithm, Feedback, type_of
from rayboot.algorithms.drboot import DrBoot
from rayboot.algorithms.finetune import Finetune

AnyAlgorithm = Annotated[
    Annotated[DrBoot, Tag("drboot")] | Annotated[Finetune, Tag("finetune")],
    Discriminator(type_of),
]
"""The section `algorithm` of a recipe: its `type` says which one."""

__all__ = ["Algorithm", "AnyAlgorithm", "DrBoot", "Feedback", "Finetune"]
