"""Ray Train's run of the refit workers."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import ray

from rayboot.config.training import TrainingConfig
from rayboot.training import worker

START_ATTEMPTS = 10
"""Times that Ray Train waits a minute for the workers' CPUs and GPUs before the refit fails."""


class Fit(threading.Thread):
    """Ray Train's `fit`, which blocks, in a thread of its own.

    In the main thread it would replace the handler of Ctrl-C, and never put it back.
    """

    def __init__(self, config: TrainingConfig, storage: str, name: str, desk: Any) -> None:
        super().__init__(name=f"fit-{name}", daemon=True)
        self._config = config
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
        resources = {"CPU": self._config.cpus_per_worker}
        if self._config.gpus_per_worker:
            resources["GPU"] = self._config.gpus_per_worker
        return TorchTrainer(
            worker.serve,
            train_loop_config={"desk": self._desk, "cpus": self._config.cpus_per_worker},
            scaling_config=ScalingConfig(
                num_workers=self._config.workers,
                use_gpu=self._config.gpus_per_worker > 0,
                resources_per_worker=resources,
            ),
            run_config=RunConfig(
                name=self._run_name,
                storage_path=str(Path(self._storage).absolute()),
                failure_config=FailureConfig(
                    max_failures=self._config.max_failures,
                    controller_failure_limit=START_ATTEMPTS,  # type: ignore[call-arg]
                ),
                checkpoint_config=CheckpointConfig(num_to_keep=1),
            ),
        )


def _tune_ray_train() -> None:
    """Settings that Ray Train takes from the environment alone. What the user set stays."""
    # It looks after its workers this often, and notices the death of one no sooner.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")
    if len(ray.nodes()) == 1:  # type: ignore[no-untyped-call]
        # An actor, seconds of start-up, that watches for the loss of nodes other than the driver's.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
