"""What to spend the next tokens on: a new sample, a repair of the latest attempt, or nothing more."""

from rayboot.allocation.adaptive import AdaptiveAllocation
from rayboot.allocation.arms import Arms
from rayboot.allocation.base import Action, Allocation, Arm
from rayboot.allocation.fixed import EitherAtRandom, RepairFirst, SampleAgain
from rayboot.allocation.step import SKIPPED, Step

__all__ = [
    "SKIPPED",
    "Action",
    "AdaptiveAllocation",
    "Allocation",
    "Arm",
    "Arms",
    "EitherAtRandom",
    "RepairFirst",
    "SampleAgain",
    "Step",
]
