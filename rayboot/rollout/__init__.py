"""Rollouts: sample, verify, feedback, repair, streamed by Ray Data over pools of Ray actors."""

from rayboot.rollout.attempt import SCHEMA, Attempt, attempts_table, derive_seed
from rayboot.rollout.executor import SandboxExecutor, start_execution_pool
from rayboot.rollout.experience import learned_arms
from rayboot.rollout.meter import Throughput, ThroughputLedger
from rayboot.rollout.plans import Plans
from rayboot.rollout.prompting import PromptSource
from rayboot.rollout.replica import GenerationReplica, Weights, start_generation_pool
from rayboot.rollout.stream import finished_problems, read_attempts, stream_rollout, unjudged_programs
from rayboot.rollout.verdicts import require_verdicts
from rayboot.rollout.worker import RolloutSettings, RolloutWorker

__all__ = [
    "SCHEMA",
    "Attempt",
    "GenerationReplica",
    "Plans",
    "PromptSource",
    "RolloutSettings",
    "RolloutWorker",
    "SandboxExecutor",
    "Throughput",
    "ThroughputLedger",
    "Weights",
    "attempts_table",
    "derive_seed",
    "finished_problems",
    "learned_arms",
    "read_attempts",
    "require_verdicts",
    "start_execution_pool",
    "start_generation_pool",
    "stream_rollout",
    "unjudged_programs",
]
