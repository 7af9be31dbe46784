"""The Ray actor that holds one sandbox, and the start of a pool of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ray

from rayboot.config import SandboxConfig
from rayboot.pools.actor_pool import ActorPool
from rayboot.problems import Problem
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

CALLS_PER_SERVER = 4
"""Calls that an executor accepts at once for each of its fork servers, so that none waits for work."""


class SandboxExecutor:
    """A sandbox in a Ray actor. It fetches the problems once, so that only ids and programs travel to it."""

    def __init__(self, config: SandboxConfig) -> None:
        limits = Limits(timeout=config.timeout, memory=config.memory_mb << 20)
        self._sandbox = Sandbox(
            math.ceil(config.cpus), limits, config.allow_weak, preload=config.preload, runtime=config.runtime
        )
        self._known: dict[Any, Mapping[str, Problem]] = {}

    def ping(self) -> None:
        """Answer once the sandbox is ready."""

    def close(self) -> None:
        """End the sandbox's processes, and remove its folders."""
        self._sandbox.close()

    def verify(self, problems: Sequence[Any], problem_id: str, programs: Sequence[str]) -> list[Verdict]:
        """Run programs against one problem's tests; verdicts come in the programs' order.

        Args:
            problems: ObjectRef of a mapping from id to `Problem`, in a list so that it travels as a reference.
        """
        [reference] = problems
        if reference not in self._known:
            self._known = {reference: ray.get(reference)}
        problem = self._known[reference][problem_id]
        return self._sandbox.run_many([Job.of(problem, program) for program in programs])


def start_execution_pool(config: SandboxConfig) -> ActorPool:
    """Start the executors."""
    actor: Any = ray.remote(SandboxExecutor).options(
        num_cpus=config.cpus, max_restarts=-1, max_concurrency=CALLS_PER_SERVER * math.ceil(config.cpus)
    )
    return ActorPool(
        [actor.remote(config) for _ in range(config.executors)],
        kind="sandbox executor",
        asks={"CPU": config.cpus},
    )
