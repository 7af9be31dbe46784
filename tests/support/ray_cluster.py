"""Ray for tests: started by the tests' process, or a cluster of one node from `ray start`, which accepts jobs."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil

Result = TypeVar("Result")

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""Variables with which only the tests' own commands can use the cluster."""

RAY = str(Path(sys.executable).with_name("ray"))


def start_ray() -> None:
    """Start a local Ray for the tests, unless it runs already."""
    import ray

    from rayboot.pools.cluster import start_local

    if not ray.is_initialized():
        # CPUs for the pools of a module and those of its next test. GPUs that need not exist, since Ray only counts
        # them. A custom resource that no pool requests.
        start_local(num_cpus=8, num_gpus=3, resources={"slot": 2})


def __ray_call__(actor: object, function: Callable[..., Result]) -> Result:
    """Ray's own method of every actor, for `rayboot.pools`: call a function with the actor."""
    return function(actor)


def ray_processes(name: str) -> set[psutil.Process]:
    """Return the processes of a class's actors in these tests' own Ray."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended
            if name in "".join(process.cmdline()[:1]):
                found.add(process)
    return found


@contextlib.contextmanager
def ray_cluster() -> Iterator[str]:
    """Start a cluster of one node for the time of the block, and yield the address of its dashboard."""
    ports = _free_ports("port", "dashboard-port", "dashboard-agent-listen-port")
    options = {**ports, "num-cpus": 4, "dashboard-host": "127.0.0.1"}
    address = f"http://127.0.0.1:{ports['dashboard-port']}"
    command = [RAY, "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())]
    for tries_left in (4, 3, 2, 1, 0):  # on a busy machine its processes may time out (ray#65983)
        head = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment()
        )
        if _takes_jobs(address, head):
            break
        assert tries_left, "ray start gives up"
    try:
        yield address
    finally:
        for process in [*psutil.Process(head.pid).children(recursive=True), head]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        head.wait(timeout=60)


def submit(address: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with `ray job submit`, and wait for its end."""
    return subprocess.run(
        [RAY, "job", "submit", "--address", address, "--", *command],
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )


def jobs(address: str, job: bytes | None = None) -> str:
    """List the cluster's jobs, or submit `job`; return the answer's text."""
    headers = {"Authorization": f"Bearer {TOKEN['RAY_AUTH_TOKEN']}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{address}/api/jobs/", job, headers)) as answer:
        return str(answer.read(), "utf-8")


def _free_ports(*names: str) -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in names}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"} | TOKEN


def _takes_jobs(address: str, head: subprocess.Popen[bytes]) -> bool:
    """Wait until the cluster accepts jobs, and return True; False if the head has ended."""
    while head.poll() is None:
        try:
            jobs(address, b'{"entrypoint": "true"}')
            return True
        except OSError:
            time.sleep(0.5)
    return False
