"""Starting and closing the pools and workers that stages share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.ray_cluster import ray_processes
from support.small_runs import small_recipe

from rayboot.config import POLICY
from rayboot.errors import RaybootError, UserError
from rayboot.pools.actor_pool import PoolActor
from rayboot.runs.launch import load_splits
from rayboot.stages.lab import Lab
from rayboot.stages.observer import Silent
from rayboot.storage import RunDirectory
from rayboot.training import Refitter

Build = Callable[..., Lab]


@pytest.fixture
def build(tmp_path: Path, ray_session: None) -> Build:
    recording = tmp_path / "recording.jsonl"
    recording.write_text('{"completions": ["pass"]}\n')

    def build(**changes: Any) -> Lab:
        engine = {"engine": "recorded", "recording": str(recording), "dtype": "auto"}
        recipe = small_recipe(
            tmp_path, **{**changes, "generation": {**engine, **changes.get("generation", {})}}
        )
        run = RunDirectory.open(recipe, resume=True, facts={})
        return Lab(recipe, run, {POLICY: "none"}, load_splits(recipe), Silent())

    return build


@pytest.mark.parametrize(
    "option", ["generation.replicas", "sandbox.executors", "training.workers, training.cpus_per_worker"]
)
def test_a_demand_above_the_clusters_resources_is_refused_before_any_actor_starts(
    build: Build, option: str
) -> None:
    section, name = option.split(", ")[-1].split(".")
    with pytest.raises(UserError, match=rf"ask for .*; ask for less with {option}"):
        build(**{section: {name: 10_000}})


def test_closing_ends_all_actors_even_if_one_shutdown_fails(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def actors() -> set[Any]:
        return ray_processes("GenerationReplica") | ray_processes("SandboxExecutor")

    before = actors()
    lab = build()
    lab.execution.broadcast(PoolActor.ping)
    lab.models[POLICY].engines.broadcast(PoolActor.ping)
    assert len(actors() - before) == 2

    def fail(self: Refitter) -> None:
        raise RaybootError("the helper process was lost")

    assert lab.refitter.workers == 0
    monkeypatch.setattr(Refitter, "close", fail)
    with pytest.raises(RaybootError, match="helper process was lost"):
        lab.close()
    deadline = time.monotonic() + 60
    while actors() - before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not actors() - before
