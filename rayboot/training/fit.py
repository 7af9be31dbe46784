"""Ray Train's run of the refit workers."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import ray
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)

from rayboot.config import TrainingConfig
from rayboot.storage import Storage

ROOM_SECONDS = 3.0
"""Longest wait for room for one more elastic worker: what lost ones held comes free with a delay."""
START_ATTEMPTS = 10
"""Times that Ray Train waits a minute for the workers' CPUs and GPUs before the refit fails."""


def fit(config: TrainingConfig, workers: int, storage: str, name: str, desk: Any) -> None:
    """Run the workers, who take what is on the desk, until they are sent home.

    For the desk's process, in a thread: Ray Train blocks, and returns ten seconds late where Ray has no dashboard,
    which a helper of it asks whether the run is over. In a driver it would replace the handler of Ctrl-C, and still
    be in a call of Ray when Ray is shut down: the process would read freed memory.
    """
    # Here, because they import torch.
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from rayboot.training import worker

    _tune_ray_train()
    shared = Storage(storage)
    TorchTrainer(
        worker.serve,
        train_loop_config={"desk": desk, "cpus": config.cpus_per_worker},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=config.gpus_per_worker > 0,
            resources_per_worker=worker_resources(config),
        ),
        run_config=RunConfig(
            name=name,
            storage_path=shared.root,
            storage_filesystem=None if shared.is_local else shared.fs,
            failure_config=FailureConfig(
                # Elastic workers are started anew by the refitter, which sees how many there is room for.
                max_failures=0 if config.min_workers else config.max_failures,
                controller_failure_limit=START_ATTEMPTS,  # type: ignore[call-arg]
            ),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    ).fit()


def worker_resources(config: TrainingConfig) -> dict[str, float]:
    """What a worker asks of Ray."""
    gpus = {"GPU": config.gpus_per_worker} if config.gpus_per_worker else {}
    return {"CPU": config.cpus_per_worker, **gpus}


def room_for_workers(resources: dict[str, float], least: int, most: int) -> int:
    """Workers of these resources that the cluster has room for now, from `least` (for whom it is not asked) to `most`.

    Ray Train's own elastic policy counts what nodes have, not what is free: it would count the engines' GPUs as well.
    """
    for count in range(most, least, -1):
        group = placement_group([resources] * count)
        there = group.wait(ROOM_SECONDS)
        remove_placement_group(group)
        if there:
            return count
    return least


def wait_until_removed(group: PlacementGroup, seconds: float) -> None:
    """Wait until Ray has taken back what it kept for workers, which it does as it ends them."""
    end = time.monotonic() + seconds
    while placement_group_table(group).get("state") != "REMOVED" and time.monotonic() < end:
        time.sleep(0.1)


def _tune_ray_train() -> None:
    """Settings that Ray Train takes from the environment alone. What the user set stays."""
    for name in ("ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It looks after its workers this often, and notices the death of one no sooner.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    if len(ray.nodes()) == 1:  # type: ignore[no-untyped-call]
        # An actor, seconds of start-up, that watches for the loss of nodes other than the driver's.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
