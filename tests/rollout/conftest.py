"""Rollouts of recorded completions: the real stream and the real sandbox, without a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rayboot.attempts import Attempt
from rayboot.config import GenerationConfig, RolloutConfig, SandboxConfig
from rayboot.engines import SamplingParams
from rayboot.pools.executor import ExecutionPool, start_execution_pool
from rayboot.pools.replica import GenerationPool, GenerationReplica, Weights, start_generation_pool
from rayboot.problems import Problem
from rayboot.rollout import (
    AdaptiveAllocation,
    Plans,
    PromptSource,
    RolloutSettings,
    read_attempts,
    stream_rollout,
)
from rayboot.storage import Storage


def recording(path: Path, answers: dict[str, list[str]]) -> GenerationConfig:
    """Configure a recorded engine. `answers`: completions by tag, such as `train/own/3/0` (split, problem, round)."""
    rows = ({"tag": tag, "completions": completions} for tag, completions in answers.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return GenerationConfig(engine="recorded", recording=str(path), cpus=0.1)


@dataclass
class Streamed:
    """A finished rollout."""

    storage: Storage
    attempts: list[Attempt]
    progress: list[tuple[int, int]]
    requests: int
    """Requests that the live replicas have answered."""


@pytest.fixture(scope="module")
def shared(ray_session: None) -> Iterator[tuple[Plans, ExecutionPool]]:
    """The helper and the sandboxes, which take seconds to start."""
    plans, execution = Plans(), start_execution_pool(SandboxConfig(cpus=0.5, timeout=5))
    yield plans, execution
    plans.close()
    execution.shutdown()


@pytest.fixture
def stream(tmp_path: Path, shared: tuple[Plans, ExecutionPool]):
    """Return a function that streams a rollout over recorded answers, and reads the attempts that it wrote."""
    import ray

    pools: list[GenerationPool] = []
    plans, sandbox = shared

    def run(
        problems: Sequence[Problem],
        answers: dict[str, list[str]],
        samples: int = 1,
        repair_rounds: int = 1,
        feedback: str = "full",
        allocation: AdaptiveAllocation | None = None,
        execution: ExecutionPool | None = None,
        meanwhile: Callable[[], None] = lambda: None,
        in_flight: int = 32,
        **engine: Any,
    ) -> Streamed:
        generation = recording(tmp_path / "recording.jsonl", answers).model_copy(update=engine)
        pools.append(start_generation_pool(generation, "none"))
        settings = RolloutSettings(
            seed=0,
            iteration=1,
            samples=samples,
            repair_rounds=repair_rounds,
            feedback=feedback,
            params=SamplingParams(temperature=0.0 if samples == 1 else 1.0, max_tokens=100),
            weights=Weights(checkpoint="none", version=0),
            allocation=allocation,
        )
        storage = Storage(str(tmp_path))
        progress: list[tuple[int, int]] = []
        storage.make_folder("rollout")
        plan = partial(
            stream_rollout,
            [(problem.id, "train") for problem in problems],
            settings,
            prompts=PromptSource(generation, "none", 200),
            problem_table=ray.put({problem.id: problem for problem in problems}),
            streaming=RolloutConfig(problems_in_flight=in_flight),
            pools=(pools[-1], execution or sandbox),
            storage=storage,
            folder="rollout",
        )
        plans.run("rollout", plan, lambda done, total: progress.append((done, total)), meanwhile)
        rows = read_attempts(storage, "rollout").to_pylist()
        answered = sum(
            counts.requests for counts in pools[-1].poll(GenerationReplica.throughput, 60).values()
        )
        return Streamed(storage, [Attempt.model_validate(row) for row in rows], progress, answered)

    yield run
    for pool in pools:
        pool.shutdown()
