"""A node of the cluster is lost during a run: the other nodes finish the run, with the same metrics."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray.cluster_utils import Cluster
from support.small_runs import metrics, small_recipe

from rayboot.config import recipe_yaml

pytestmark = pytest.mark.long

Start = Callable[[str], tuple[subprocess.Popen[str], Path]]
"""Starts a run on the cluster by name, and returns the driver and the run directory."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start a head node with the resources for a whole run; tests add and remove other nodes."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 6, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def start(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Start:
    folder = tmp_path_factory.mktemp("lost-node")

    def run(name: str) -> tuple[subprocess.Popen[str], Path]:
        changes = {
            "generation": {
                "replicas": 4,
                "cpus": 1,
            },  # Ray fills half of the head node: one is on another node
            "sandbox": {"executors": 2, "cpus": 0.25},
            "training": {"cpus_per_worker": 0.25},
        }
        path = folder / f"{name}.yaml"
        path.write_text(recipe_yaml(small_recipe(folder, name=name, **changes)))
        driver = subprocess.Popen(
            [sys.executable, "-m", "rayboot", "run", str(path)],
            env=os.environ | {"RAY_ADDRESS": cluster.address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        return driver, folder / "runs" / name

    return run


@pytest.fixture(scope="module")
def undisturbed(start: Start) -> list[dict[str, Any]]:
    driver, run = start("undisturbed")
    assert driver.wait() == 0
    return metrics(run)


@pytest.mark.parametrize("stage", ["rollout", "checkpoint"])
def test_a_run_goes_on_without_a_lost_node(
    undisturbed: list[dict[str, Any]], cluster: Cluster, start: Start, stage: str
) -> None:
    node = cluster.add_node(num_cpus=6)
    cluster.wait_for_nodes()
    driver, run = start(stage)
    while not list((run / "iterations/01").glob(f"{stage}.partial*")):
        assert driver.poll() is None, driver.communicate()[1]
        time.sleep(0.02)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    lost = [raylet, *raylet.children(recursive=True)]
    actors = {process.name().split(".")[0] for process in lost}
    for process in lost:
        process.kill()
    cluster.remove_node(node, allow_graceful=False)

    _, stderr = driver.communicate()
    assert driver.returncode == 0, stderr
    assert "ray::GenerationReplica" in actors
    assert metrics(run) == undisturbed
