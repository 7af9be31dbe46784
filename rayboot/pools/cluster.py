"""Ray: what a recipe asks of it, and the connection to a cluster or a local start."""

from __future__ import annotations

import logging
import math
import os
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray._common.utils import get_ray_address_file
from ray._private import ray_constants, utils
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rayboot.config import Recipe
from rayboot.errors import RaybootError, UserError
from rayboot.pools.failures import reason
from rayboot.pools.resources import Resources
from rayboot.storage import Storage

CONNECT_SECONDS = 5.0
NODES_SECONDS = 10.0
START_TRIES = 5
"""Ray gives its own parts 15 s for their imports (ray#65983) and 30 s in all, which a busy machine may not keep."""
SOCKET_BYTES = 107
"""Longest path of a socket on Linux."""

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}

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
    with _signals_kept():
        _join_or_start(required)
    try:
        _check(required)
        yield
    finally:
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Have Ray's start leave signals alone: its handlers end the process by a trace of its stack and a core file."""
    ray_constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER = True
    set_handler = utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = set_handler


def start_beside_driver(kind: type, *args: Any, max_concurrency: int | None = None) -> Any:
    """Start an actor that needs next to nothing, on the driver's node: no other node's loss takes it away."""
    node = ray.get_runtime_context().get_node_id()
    here = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    options = {} if max_concurrency is None else {"max_concurrency": max_concurrency}
    return ray.remote(kind).options(num_cpus=0, scheduling_strategy=here, **options).remote(*args)


def on_every_node(work: Callable[[], None]) -> None:
    """Call a function in a process of each node, and wait for a few seconds at most."""
    calls = []
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
            calls.append(ray.remote(work).options(num_cpus=0, scheduling_strategy=there).remote())
    ray.wait(calls, num_returns=len(calls), timeout=NODES_SECONDS)


def _join_or_start(required: Resources) -> None:
    if (address := cluster_address()) is not None:
        try:
            ray.init(address, **QUIET)
        except Exception as error:  # Ray raises many kinds, for one: the cluster asks for a token
            raise RaybootError(
                f"the Ray cluster at {address} cannot be joined: {reason(error)}; "
                "RAY_ADDRESS=local starts one here"
            ) from error
        return
    folder = local_ray_folder()
    _check_folder(folder)
    # As many CPUs as the actors ask for, even on a smaller machine: generation, verification and refit take turns, and
    # time-sharing costs less than waiting for ever. A folder of its own, so that no other driver joins this cluster.
    start_local(num_cpus=max(os.cpu_count() or 1, math.ceil(required["CPU"])), _temp_dir=str(folder))


def start_local(**options: Any) -> None:
    """Start a Ray of one node here, with these options of `ray.init`.

    Raises:
        RaybootError: It did not start, though it was tried several times.
    """
    # Its processes have it from here. Threads that wait for each other in busy loops, torch's default, take the time
    # from the one that they wait for wherever something else runs too: a refit took ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for tried in range(1, START_TRIES + 1):
        try:
            ray.init("local", include_dashboard=False, **QUIET, **options)
            return
        except Exception as error:  # Ray raises many kinds, for one: its parts did not answer within 30 s
            ray.shutdown()
            if tried == START_TRIES:
                logs = f"{options.get('_temp_dir', '/tmp/ray')}/session_latest/logs"
                raise RaybootError(
                    f"Ray did not start on this machine, {START_TRIES} times ({reason(error)}); "
                    f"if the machine is busy, try again later; Ray's logs are in {logs}"
                ) from error


def cluster_resources(required: Resources) -> Resources | None:
    """What the cluster has that a run would join, in CPUs and GPUs; None where it would start Ray.

    Raises:
        UserError: It has less than is required.
    """
    if not ray.is_initialized() and cluster_address() is None:
        return None
    with connected(required):
        there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return {kind: there.get(kind, 0.0) for kind in required}


def _check_folder(folder: Path) -> None:
    """Raises:
    UserError: Ray's sockets would have longer paths there than the system allows, or nothing can be written.
    """
    longest = SOCKET_BYTES - len(f"/session_2000-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store")
    if len(os.fsencode(folder)) > longest:
        spare = longest - len(os.fsencode(folder.name)) - 1
        raise UserError(
            f"TMPDIR={folder.parent} is too long for the sockets of a local Ray: give a folder of at most {spare} "
            "characters, such as TMPDIR=/tmp"
        )
    Storage(str(folder)).require_writable()


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
    noted = [note.read_text().strip()] if note.exists() else []
    return next((found for found in (*noted, *_started_elsewhere()) if found and _answers(found)), None)


def _started_elsewhere() -> list[str]:
    """Addresses of this user's clusters whose notes lie elsewhere, as after `ray start --temp-dir`.

    Not of those that other drivers have started for themselves, in the way of this module or by `ray.init`.
    """
    folders = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid() and (process / "comm").read_text() == "raylet\n":
                socket_name = re.search(r"--raylet_socket_name=([^\0]+)", (process / "cmdline").read_text())
                folders |= {Path(socket_name[1]).parents[2]} if socket_name else set()
        except OSError:  # it has ended
            continue
    notes = (folder / "ray_current_cluster" for folder in sorted(folders))
    return [note.read_text().strip() for note in notes if note.exists()]


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
