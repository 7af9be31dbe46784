"""Ray: the resources that a recipe requests, and the connection to a cluster or the start of a local one."""

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
from ray.actor import ActorHandle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rayboot.config import Recipe
from rayboot.errors import RaybootError, UserError
from rayboot.pools.actors import Actor, start_actor
from rayboot.pools.failures import reason
from rayboot.pools.resources import Resources
from rayboot.storage import Storage

CONNECT_SECONDS = 5.0
NODES_SECONDS = 10.0
START_TRIES = 5
"""Ray's processes time out after 15 s of imports (ray#65983) and 30 s in all, which a busy machine may exceed."""
SOCKET_BYTES = 107
"""Longest path of a Unix socket on Linux, in bytes."""

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}

DATA_TASKS_CPUS = 1.0
"""CPUs left for Ray Data's own tasks (reading, grouping, sorting) beside the pools."""


def required_resources(recipe: Recipe, evaluation: bool = False) -> Resources:
    """Return the most CPUs and GPUs that the recipe's actors request from Ray at the same time.

    Pools and training workers hold theirs throughout; Ray Data's own tasks run beside them. Elastic workers count with
    their minimum.

    Args:
        recipe: The recipe.
        evaluation: Of an evaluation alone, by the policy's engines.
    """
    sandbox, training = recipe.sandbox, recipe.training
    engines = [recipe.generation]
    if not evaluation:
        engines += [model.generation for model in recipe.models.values()]
    pools = sum(each.replicas * each.cpus for each in engines) + sandbox.executors * sandbox.cpus
    workers = (training.min_workers or training.workers) if not evaluation else 0
    return {
        "CPU": pools + workers * training.cpus_per_worker + DATA_TASKS_CPUS,
        "GPU": sum(each.replicas * each.gpus for each in engines) + workers * training.gpus_per_worker,
    }


@contextmanager
def connected(required: Resources) -> Iterator[None]:
    """Join a running Ray cluster, else start a local one; disconnect at the end of the block.

    A running cluster is one that `RAY_ADDRESS` names, as in a submitted job, or that `ray start` made on this machine.
    `RAY_ADDRESS=local` always starts a local one. A connection that exists already is used, and kept.

    Raise UserError if the cluster has fewer resources than `required`. Raise RaybootError if the cluster cannot be
    joined, or the local one does not start.
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
    """Keep Ray's start from installing signal handlers, which print a stack trace and dump core."""
    ray_constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER = True
    set_handler = utils.set_sigterm_handler
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = set_handler


def start_beside_driver(
    kind: type[Actor], *args: object, max_concurrency: int | None = None
) -> ActorHandle[Actor]:
    """Start an actor with 0 CPUs on the driver's node, so that it survives the loss of any other node."""
    node = ray.get_runtime_context().get_node_id()
    here = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    options = {} if max_concurrency is None else {"max_concurrency": max_concurrency}
    return start_actor(kind, *args, num_cpus=0, scheduling_strategy=here, **options)


def on_every_node(work: Callable[[], None]) -> None:
    """Call a function in a process of each node, and wait for at most `NODES_SECONDS`."""
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
        except Exception as error:  # Ray raises many types, such as for a missing authentication token
            raise RaybootError(
                f"the Ray cluster at {address} cannot be joined: {reason(error)}; "
                "RAY_ADDRESS=local starts one here"
            ) from error
        return
    folder = local_ray_folder()
    _check_folder(folder)
    # As many CPUs as the actors request, even on a smaller machine: generation, verification and refit take turns, and
    # actors that share CPUs are slower, but do not wait for ever. With a separate folder no other driver joins it.
    start_local(num_cpus=max(os.cpu_count() or 1, math.ceil(required["CPU"])), _temp_dir=str(folder))


def start_local(**options: Any) -> None:
    """Start a Ray cluster of one node on this machine, with these options of `ray.init`.

    Raise RaybootError if it did not start in `START_TRIES` tries.
    """
    # Ray's processes inherit it. Torch's threads by default wait in busy loops, and on a loaded machine take CPU time
    # from the thread that they wait for: a refit took ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for number in range(1, START_TRIES + 1):
        try:
            ray.init("local", include_dashboard=False, **QUIET, **options)
            return
        except (
            Exception
        ) as error:  # Ray raises many types, such as for a process that did not answer within 30 s
            ray.shutdown()
            if number == START_TRIES:
                logs = f"{options.get('_temp_dir', '/tmp/ray')}/session_latest/logs"
                raise RaybootError(
                    f"Ray did not start on this machine, {START_TRIES} times ({reason(error)}); "
                    f"if the machine is busy, try again later; Ray's logs are in {logs}"
                ) from error


def cluster_resources(required: Resources) -> Resources | None:
    """Return the CPUs and GPUs of the cluster that a run would join; None where it would start Ray.

    Raise UserError if the cluster has fewer resources than `required`.
    """
    if not ray.is_initialized() and cluster_address() is None:
        return None
    with connected(required):
        total = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return {kind: total.get(kind, 0.0) for kind in required}


def _check_folder(folder: Path) -> None:
    """Check that Ray can use the folder.

    Raise UserError if the paths of Ray's sockets would be too long there, or the folder is not writable.
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
    """Return the address of the cluster to join; None to start a local one.

    Only an address that answers is returned: Ray itself waits for minutes for a cluster that has ended.

    Raise UserError if nothing answers at `RAY_ADDRESS`.
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
    """Return addresses of this user's clusters that were started with `ray start --temp-dir`.

    Local clusters that other drivers started, by this module or by `ray.init`, leave no address file, and are skipped.
    """
    folders = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid() and (process / "comm").read_text() == "raylet\n":
                socket_name = re.search(r"--raylet_socket_name=([^\0]+)", (process / "cmdline").read_text())
                folders |= {Path(socket_name[1]).parents[2]} if socket_name else set()
        except OSError:  # the process has ended
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
    """Return the folder of a local Ray's sockets and logs."""
    return Path(tempfile.gettempdir(), f"rayboot-{os.getuid()}")


def _check(required: Resources) -> None:
    total = ray.cluster_resources()  # type: ignore[no-untyped-call]
    lacking = [
        f"{amount:g} {kind} (it has {total.get(kind, 0):g})"
        for kind, amount in required.items()
        if amount > total.get(kind, 0)
    ]
    if lacking:
        raise UserError(
            f"the recipe asks the Ray cluster for {' and '.join(lacking)}; ask for less with generation.replicas, "
            "generation.cpus, sandbox.executors, training.workers and the like, or add nodes"
        )
