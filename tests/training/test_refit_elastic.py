"""Elastic workers: a refit runs on as many as fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
import ray
from refit_helpers import MakeJob

from rayboot.config import TrainingConfig
from rayboot.training import Refitter
from rayboot.training.fit import count_fitting_workers


def test_as_many_workers_start_as_fit(ray_session: None) -> None:
    assert count_fitting_workers({"slot": 1}, least=1, most=3) == 2
    assert count_fitting_workers({"slot": 1}, least=3, most=3) == 3


@ray.remote
class Occupant:
    """Holds resources."""

    def ping(self) -> None: ...


def free_cpus() -> float:
    """Return the free CPUs once those of earlier tests are free, which takes Ray a moment."""
    free = -1.0
    while (now := ray.available_resources()["CPU"]) != free:
        free = now
        time.sleep(3)
    return free


@pytest.mark.long
def test_workers_join_when_their_resources_are_free(ray_session: None, make_job: MakeJob) -> None:
    free = free_cpus()
    config = TrainingConfig(workers=2, min_workers=1, batch_size=16, epochs=2, cpus_per_worker=free // 2)
    occupant = Occupant.options(num_cpus=free - free // 2).remote()
    ray.get(occupant.ping.remote())
    with Refitter(config, make_job().storage, "elastic") as refitter:
        alone = refitter.refit(make_job("alone"))
        assert refitter.workers == 1
        ray.kill(occupant)
        together = refitter.refit(make_job("together"))
        assert refitter.workers == 2
    assert together.train_loss == pytest.approx(alone.train_loss, rel=1e-3)
    assert together.best_validation_loss == pytest.approx(alone.best_validation_loss, rel=1e-3)


LOST_NODE = """
import json, sys
import ray
from ray.cluster_utils import Cluster
from refit_helpers import has_checkpoint
from rayboot.config import TrainingConfig
from rayboot.training import RefitJob, Refitter

jobs = [RefitJob.model_validate_json(text) for text in sys.argv[2:]]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
ray.init(cluster.address, log_to_driver=False, logging_level="error")  # before the node that will be lost joins
nodes = [cluster.add_node(num_cpus=1)]
cluster.wait_for_nodes()
after = []

def lose(step, total, loss):
    if not nodes:
        after.append(step)
    elif total / 4 < step and has_checkpoint(jobs[0], "elastic"):
        cluster.remove_node(nodes.pop(), allow_graceful=False)

with Refitter(TrainingConfig.model_validate_json(sys.argv[1]), jobs[0].storage, "elastic") as refitter:
    results = [refitter.refit(job, listener) for job, listener in zip(jobs, (lose, None))]
    print(json.dumps({"results": [each.model_dump() for each in results], "workers": refitter.workers, "after": after}))
"""


@pytest.mark.long
def test_a_refit_goes_on_without_a_lost_node(make_job: MakeJob) -> None:
    config = TrainingConfig(
        workers=2, min_workers=1, batch_size=16, epochs=40, lr=3e-3, warmup_ratio=0.1, patience=None
    )
    jobs = [make_job(name, checkpoint_seconds=0) for name in ("disturbed", "alone")]
    done = subprocess.run(
        [sys.executable, "-c", LOST_NODE, config.model_dump_json(), *(job.model_dump_json() for job in jobs)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=False,  # Ray gives a driver whose cluster has lost a node its own exit code
        text=True,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    disturbed, alone = report["results"]
    assert min(report["after"]) > 1, "it restarted instead of resuming"
    assert report["workers"] == 1
    assert disturbed["steps"] == alone["steps"]
    assert disturbed["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-3)
    assert disturbed["best_validation_loss"] == pytest.approx(alone["best_validation_loss"], rel=1e-3)
