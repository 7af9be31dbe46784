"""The Ray Train run of the refit workers, and the resources that they need."""

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

PLACEMENT_SECONDS = 3.0
"""Longest wait for the resources of one more elastic worker: those of a lost worker are freed with a delay."""
START_ATTEMPTS = 10
"""Number of times that Ray Train waits a minute for the workers' CPUs and GPUs before the refit fails."""


def fit(config: TrainingConfig, workers: int, storage: str, name: str, mailbox: Any) -> None:
    """Run workers that take refits from `mailbox`, until it is closed.

    Call it in a thread of the mailbox's process. Ray Train blocks, and returns ten seconds late where Ray has no
    dashboard, because one of its actors asks the dashboard whether the run has ended. In the driver it would replace
    the handler of Ctrl-C, and would still be in a Ray call at `ray.shutdown`: the process would read freed memory.
    """
    # Imported here because they import torch.
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from rayboot.training import worker

    _tune_ray_train()
    shared = Storage(storage)
    TorchTrainer(
        worker.serve,
        train_loop_config={"mailbox": mailbox, "cpus": config.cpus_per_worker},
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
                # The refitter restarts elastic workers, as many as fit then.
                max_failures=0 if config.min_workers else config.max_failures,
                controller_failure_limit=START_ATTEMPTS,  # type: ignore[call-arg]
            ),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    ).fit()


def worker_resources(config: TrainingConfig) -> dict[str, float]:
    """Return the CPUs and GPUs that one worker requests from Ray."""
    gpus = {"GPU": config.gpus_per_worker} if config.gpus_per_worker else {}
    return {"CPU": config.cpus_per_worker, **gpus}


def count_fitting_workers(resources: dict[str, float], least: int, most: int) -> int:
    """Return how many such workers fit on the cluster now, between `least` (assumed to fit) and `most`.

    Ray Train's own elastic policy counts the nodes' total resources, not the free ones: the engines' GPUs included.
    """
    for count in range(most, least, -1):
        group = placement_group([resources] * count)
        fits = group.wait(PLACEMENT_SECONDS)
        remove_placement_group(group)
        if fits:
            return count
    return least


def wait_until_removed(group: PlacementGroup, seconds: float) -> None:
    """Wait until Ray has removed the workers' placement group, which it does as it ends them."""
    end = time.monotonic() + seconds
    while placement_group_table(group).get("state") != "REMOVED" and time.monotonic() < end:
        time.sleep(0.1)


def _tune_ray_train() -> None:
    """Set what Ray Train reads only from the environment. The user's own values stay."""
    for name in ("ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Interval at which Ray Train polls its workers; it notices a dead worker no sooner.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    if len(ray.nodes()) == 1:  # type: ignore[no-untyped-call]
        # The watcher is an actor that takes seconds to start, and watches only nodes other than the driver's.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
