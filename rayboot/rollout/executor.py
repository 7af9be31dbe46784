"""The Ray actor that holds one sandbox, and the start of a pool of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ray

from rayboot.config import SandboxConfig
from rayboot.pool import ActorPool
from rayboot.problems.types import Problem
from rayboot.sandbox import Job, Limits, Sandbox, Verdict

CALLS_PER_SERVER = 4
"""Calls that an executor accepts at once for each of its fork servers, so that none waits for work."""


class SandboxExecutor:
    """A sandbox in a Ray actor. It knows the problems, so that only ids and programs travel to it."""

    def __init__(self, config: SandboxConfig, problems: Sequence[Any]) -> None:
        limits = Limits(timeout=config.timeout, memory=config.memory_mb << 20)
        self._sandbox = Sandbox(math.ceil(config.cpus), limits, config.allow_weak)
        self._problems: Mapping[str, Problem] = ray.get(problems[0])

    def ping(self) -> None:
        """Answer once the sandbox is ready."""

    def verify(self, problem_id: str, programs: Sequence[str]) -> list[Verdict]:
        """Run programs against one problem's tests; verdicts come in the programs' order."""
        problem = self._problems[problem_id]
        return self._sandbox.run_many(
            [
                Job(
                    program=program,
                    tests=problem.tests,
                    setup_code=problem.setup_code,
                    entry_point=problem.entry_point,
                )
                for program in programs
            ]
        )


def start_execution_pool(config: SandboxConfig, problems: Any) -> ActorPool:
    """Start the executors.

    Args:
        config: The recipe's section.
        problems: ObjectRef of a mapping from id to `Problem`.
    """
    servers = math.ceil(config.cpus)
    actor: Any = ray.remote(SandboxExecutor).options(
        num_cpus=config.cpus, max_restarts=-1, max_concurrency=CALLS_PER_SERVER * servers
    )
    # The reference travels inside a list: a bare one would be resolved once, and a restarted actor could not be made.
    return ActorPool([actor.remote(config, [problems]) for _ in range(config.executors)])
