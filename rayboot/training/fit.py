"""Ray Train's run of the refit workers."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import ray
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)

from rayboot.config.training import TrainingConfig
from rayboot.training import worker

ROOM_SECONDS = 3.0
"""Longest wait for room for one more elastic worker: what lost ones held comes free with a delay."""
START_ATTEMPTS = 10
"""Times that Ray Train waits a minute for the workers' CPUs and GPUs before the refit fails."""


class Fit(threading.Thread):
    """Ray Train's `fit`, which blocks, in a thread of its own.

    In the main thread it would replace the handler of Ctrl-C, and never put it back.
    """

    def __init__(self, config: TrainingConfig, workers: int, storage: str, name: str, desk: Any) -> None:
        super().__init__(name=f"fit-{name}", daemon=True)
        self._config = config
        self.workers = workers
        self._storage = storage
        self._run_name = name
        self._desk = desk
        self.error: BaseException | None = None
        """Why the workers are gone; None as long as they are there, or when they were sent home."""

    def run(self) -> None:
        try:
            self._trainer().fit()
        except BaseException as error:
            self.error = error

    def _trainer(self) -> Any:
        # Here, because they import torch: seconds that a command which trains nothing should not pay.
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        _tune_ray_train()
        return TorchTrainer(
            worker.serve,
            train_loop_config={"desk": self._desk, "cpus": self._config.cpus_per_worker},
            scaling_config=ScalingConfig(
                num_workers=self.workers,
                use_gpu=self._config.gpus_per_worker > 0,
                resources_per_worker=worker_resources(self._config),
            ),
            run_config=RunConfig(
                name=self._run_name,
                storage_path=str(Path(self._storage).absolute()),
                failure_config=FailureConfig(
                    # Elastic workers are started anew by the refitter, which sees how many there is room for.
                    max_failures=0 if self._config.min_workers else self._config.max_failures,
                    controller_failure_limit=START_ATTEMPTS,  # type: ignore[call-arg]
                ),
                checkpoint_config=CheckpointConfig(num_to_keep=1),
            ),
        )


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
    """Wait until Ray has taken back what it kept for workers, which it does as it ends them.

    Ray Train's `fit` returns ten seconds later where Ray has no dashboard, which a helper of it asks whether the run is
    over.
    """
    end = time.monotonic() + seconds
    while placement_group_table(group).get("state") != "REMOVED" and time.monotonic() < end:
        time.sleep(0.1)


def _tune_ray_train() -> None:
    """Settings that Ray Train takes from the environment alone. What the user set stays."""
    # It looks after its workers this often, and notices the death of one no sooner.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    if len(ray.nodes()) == 1:  # type: ignore[no-untyped-call]
        # An actor, seconds of start-up, that watches for the loss of nodes other than the driver's.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
