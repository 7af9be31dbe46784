"""The Ray actor that holds one sandbox, and the start of a pool of such actors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import ray

from rayboot.config import SandboxConfig
from rayboot.pools.actor_pool import ActorPool
from rayboot.pools.actors import start_actor
from rayboot.problems import Problem
from rayboot.sandbox.sandbox import Job, Sandbox
from rayboot.sandbox.verdict import Limits, Verdict

CALLS_PER_SERVER = 4
"""Concurrent calls of an executor per fork server, so that none of the servers is idle."""


ProblemTable: TypeAlias = "ray.ObjectRef[Mapping[str, Problem]]"
"""All problems of a run by id, in Ray's object store: rows carry ids alone."""


class SandboxExecutor:
    """A sandbox in a Ray actor. It fetches the problems once; calls carry only ids and programs."""

    def __init__(self, config: SandboxConfig) -> None:
        limits = Limits(timeout=config.timeout, memory=config.memory_mb << 20)
        self._sandbox = Sandbox(
            math.ceil(config.cpus), limits, config.allow_weak, preload=config.preload, runtime=config.runtime
        )
        self._problems: dict[ProblemTable, Mapping[str, Problem]] = {}

    def ping(self) -> None:
        """Answer once the sandbox is ready."""

    def close(self) -> None:
        """Stop the sandbox's processes, and remove its folders."""
        self._sandbox.close()

    def verify(
        self, problem_table: Sequence[ProblemTable], problem_id: str, programs: Sequence[str]
    ) -> list[Verdict]:
        """Run programs against one problem's tests, and return the verdicts in the programs' order.

        Args:
            problem_table: In a list, so that Ray passes it as a reference.
            problem_id: Id of the problem.
            programs: Texts of the programs.
        """
        [reference] = problem_table
        if reference not in self._problems:
            self._problems = {reference: ray.get(reference)}
        problem = self._problems[reference][problem_id]
        return self._sandbox.run_many([Job.of(problem, program) for program in programs])


ExecutionPool: TypeAlias = "ActorPool[SandboxExecutor]"


def start_execution_pool(config: SandboxConfig) -> ExecutionPool:
    """Start the executors in the background."""
    concurrency = CALLS_PER_SERVER * math.ceil(config.cpus)
    actors = [
        start_actor(
            SandboxExecutor, config, num_cpus=config.cpus, max_restarts=-1, max_concurrency=concurrency
        )
        for _ in range(config.executors)
    ]
    return ActorPool(actors, kind="sandbox executor", demand={"CPU": config.cpus})
