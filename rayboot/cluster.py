"""Ray: what a recipe asks of it, and the connection to a cluster or a local start."""

from __future__ import annotations

import logging
import math
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._common.utils import get_ray_address_file
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rayboot.config import Recipe
from rayboot.errors import UserError

Resources = dict[str, float]

CONNECT_SECONDS = 5.0

DATA_TASKS_CPUS = 1.0
"""CPUs left for Ray Data's own tasks (reading, grouping, sorting) beside the pools."""


def required_resources(recipe: Recipe, refits: bool = True) -> Resources:
    """CPUs and GPUs that the recipe's actors ask of Ray at the same time, at most; without `refits` those that measure.

    The pools and the training workers keep theirs throughout; Ray Data's own tasks run beside them. Of elastic workers
    the least number counts.
    """
    generation, sandbox, training = recipe.generation, recipe.sandbox, recipe.training
    pools = generation.replicas * generation.cpus + sandbox.executors * sandbox.cpus
    workers = (training.min_workers or training.workers) if refits else 0
    return {
        "CPU": pools + workers * training.cpus_per_worker + DATA_TASKS_CPUS,
        "GPU": generation.replicas * generation.gpus + workers * training.gpus_per_worker,
    }


@contextmanager
def connected(required: Resources) -> Iterator[None]:
    """Join the Ray cluster that is there, else start a local one for the time of the block.

    It is there when `RAY_ADDRESS` names it, as in a submitted job, or when `ray start` ran on this machine.
    `RAY_ADDRESS=local` starts a local one all the same.

    Raises:
        UserError: The cluster has less than is required.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if ray.is_initialized():
        _check(required)
        yield
        return
    _join_or_start(required)
    try:
        _calm_ray_data()
        _check(required)
        yield
    finally:
        ray.shutdown()


def start_beside_driver(kind: type) -> Any:
    """Start an actor that needs next to nothing, on the driver's node: it is lost with the driver alone."""
    node = ray.get_runtime_context().get_node_id()
    here = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    return ray.remote(kind).options(num_cpus=0, scheduling_strategy=here).remote()


def _join_or_start(required: Resources) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if (address := cluster_address()) is not None:
        ray.init(address, **quiet)
        return
    # As many CPUs as the actors ask for, even on a smaller machine: generation, verification and refit take turns, and
    # time-sharing costs less than waiting for ever. A folder of its own, so that no other driver joins this cluster.
    cpus = max(os.cpu_count() or 1, math.ceil(required["CPU"]))
    folder = str(local_ray_folder())
    ray.init("local", num_cpus=cpus, include_dashboard=False, _temp_dir=folder, **quiet)


def cluster_address() -> str | None:
    """Address of the cluster to join; None to start a local one.

    Ray itself waits for minutes for a cluster that is gone, so it is asked only for one that answers.

    Raises:
        UserError: Nothing answers at `RAY_ADDRESS`.
    """
    address = os.environ.get("RAY_ADDRESS", "auto")
    if address == "local":
        return None
    if address != "auto":
        if "://" not in address and not _answers(address):
            raise UserError(
                f"no Ray cluster answers at RAY_ADDRESS={address}; unset it, or set it to local, to start one here"
            )
        return address
    note = Path(get_ray_address_file(None))
    started = note.read_text().strip() if note.exists() else ""
    return started if started and _answers(started) else None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def local_ray_folder() -> Path:
    """Where a local Ray keeps its sockets and logs."""
    return Path(tempfile.gettempdir(), f"rayboot-{os.getuid()}")


def _check(required: Resources) -> None:
    there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    lacking = [
        f"{amount:g} {kind} (it has {there.get(kind, 0):g})"
        for kind, amount in required.items()
        if amount > there.get(kind, 0)
    ]
    if lacking:
        raise UserError(
            f"the recipe asks the Ray cluster for {' and '.join(lacking)}; ask for less with generation.replicas, "
            "generation.cpus, sandbox.executors, training.workers and the like, or add nodes"
        )


def _calm_ray_data() -> None:
    import ray.data  # here, because each actor would import it too

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.verbose_progress = False
    context.memory_usage_poll_interval_s = None  # else a thread for each block under way
    for name in ("ray.data", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)
