"""An interrupted refit ends with the weights of an uninterrupted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import ray
import torch
from refit_helpers import Killer, MakeJob, refit, same, weights, without_time
from support.ray_cluster import ray_processes

from rayboot.config import TrainingConfig
from rayboot.errors import RaybootError
from rayboot.training import RefitResult, Refitter
from rayboot.training.fit import Held, held, worker_resources

LONG = TrainingConfig(
    evaluations_per_epoch=1.5, batch_size=16, epochs=20, lr=3e-3, warmup_ratio=0.1, patience=None
)
"""4 steps per epoch, and an evaluation every 2 or 3: checkpoints fall between epochs and in the middle of one."""

STUBBORN = LONG.model_copy(update={"max_failures": 0})


@pytest.fixture(scope="module")
def uninterrupted(
    refitter: Refitter,
    make_job_in: Callable[[Path], MakeJob],
    tmp_path_factory: pytest.TempPathFactory,
    t5: str,
) -> tuple[RefitResult, dict[str, torch.Tensor]]:
    """The expected end of the interrupted refits. T5, because its dropout shows whether random states are restored."""
    job = make_job_in(tmp_path_factory.mktemp("uninterrupted"))(start=t5, checkpoint_seconds=0)
    return refitter.refit(job, config=LONG), weights(job.output)


def wait_until_held(before: Held) -> None:
    deadline = time.monotonic() + 60  # Ray cleans up after a lost helper once it has noticed the loss
    while held(worker_resources(LONG)) != before:
        assert time.monotonic() < deadline, "its workers did not stop"
        time.sleep(0.2)


def test_the_resources_of_workers_that_lose_ray_trains_helper_as_they_start_are_freed(
    ray_session: None, make_job: MakeJob, t5: str
) -> None:
    job, others, before = (
        make_job("early", start=t5),
        ray_processes("TrainController"),
        held(worker_resources(LONG)),
    )
    with Refitter(LONG, job.storage, job.name) as refitter:
        while held(worker_resources(LONG)).groups == before.groups:
            time.sleep(0.02)
        [controller] = ray_processes("TrainController") - others
        controller.kill()
        refitter.refit(job)
    wait_until_held(before)


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(["RayTrainWorker", "RefitMailbox"], id="worker and helper"),
        pytest.param(["TrainController"], id="Ray Train's helper", marks=pytest.mark.long),
    ],
)
def test_a_refit_whose_worker_or_helper_is_killed_ends_with_the_same_weights(
    uninterrupted: tuple[RefitResult, dict[str, torch.Tensor]], make_job: MakeJob, t5: str, lost: list[str]
) -> None:
    job = make_job("interrupted", start=t5, checkpoint_seconds=0)
    killer = Killer(job, *lost)
    before = held(worker_resources(LONG))

    result = refit(job, LONG, killer)

    wait_until_held(before)
    assert killer.killed == lost
    assert min(killer.steps_after) > 1, "it restarted instead of resuming"
    assert without_time(result) == without_time(uninterrupted[0])
    assert same(weights(job.output), uninterrupted[1])


DRIVER = """
import os, signal, sys
import ray
from refit_helpers import has_checkpoint, refit
from rayboot.config import TrainingConfig
from rayboot.training import RefitJob

job = RefitJob.model_validate_json(sys.argv[2])

def die(step, total, loss):
    if total / 4 < step < total and has_checkpoint(job, job.name):
        os.kill(os.getpid(), signal.SIGKILL)

ray.init(address=sys.argv[1], log_to_driver=False)
refit(job, TrainingConfig.model_validate_json(sys.argv[3]), die)
"""


@pytest.mark.long
def test_a_refit_whose_driver_is_killed_goes_on_and_ends_with_the_same_weights(
    uninterrupted: tuple[RefitResult, dict[str, torch.Tensor]], make_job: MakeJob, t5: str
) -> None:
    job = make_job("orphaned", start=t5, checkpoint_seconds=0)
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-c", DRIVER, address, job.model_dump_json(), LONG.model_dump_json()]
    driver = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert driver.returncode == -signal.SIGKILL

    steps: list[int] = []
    result = refit(job, LONG, lambda step, total, loss: steps.append(step))

    assert steps[0] > 1, "it restarted instead of resuming"
    assert without_time(result) == without_time(uninterrupted[0])
    assert same(weights(job.output), uninterrupted[1])


@pytest.mark.long
def test_a_worker_that_dies_too_often_is_reported_and_the_next_refit_has_new_workers(
    ray_session: None, make_job: MakeJob
) -> None:
    job, others = make_job("killed"), ray_processes("RayTrainWorker")

    def kill(step: int, total: int, loss: float) -> None:
        for worker in ray_processes("RayTrainWorker") - others:
            worker.kill()

    with Refitter(STUBBORN, job.storage, "stubborn") as refitter:
        with pytest.raises(RaybootError, match="the refit failed"):
            refitter.refit(job, kill)
        assert not Path(job.output).exists()
        assert refitter.refit(make_job("next")).steps == 80
