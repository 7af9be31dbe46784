"""Rollouts: sample, verify, give feedback, repair. Ray Data streams problems over pools of Ray actors."""

from rayboot.rollout.allocation import (
    Action,
    AdaptiveAllocation,
    Allocation,
    Arm,
    Arms,
    EitherAtRandom,
    RepairFirst,
    SampleAgain,
)
from rayboot.rollout.experience import learned_arms
from rayboot.rollout.plans import Plans
from rayboot.rollout.prompting import PromptSource
from rayboot.rollout.stream import finished_problems, read_attempts, stream_rollout, unjudged_programs
from rayboot.rollout.worker import RolloutSettings, RolloutWorker

__all__ = [
    "Action",
    "AdaptiveAllocation",
    "Allocation",
    "Arm",
    "Arms",
    "EitherAtRandom",
    "Plans",
    "PromptSource",
    "RepairFirst",
    "RolloutSettings",
    "RolloutWorker",
    "SampleAgain",
    "finished_problems",
    "learned_arms",
    "read_attempts",
    "stream_rollout",
    "unjudged_programs",
]
