"""Ray for tests: in the tests' own process, or a cluster of one node, as `ray start` makes it, which takes jobs."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""What lets the tests' own commands, and nobody else, use the cluster."""

RAY = str(Path(sys.executable).with_name("ray"))


def start_ray() -> None:
    """Start a local Ray of the tests' own, unless there is one."""
    import ray

    from rayboot.pools.cluster import start_local

    if not ray.is_initialized():
        # CPUs for pools that stay for a whole module, and the next test's; GPUs that need not exist, since Ray counts
        # what it is given; a resource that no pool takes.
        start_local(num_cpus=8, num_gpus=3, resources={"room": 2})


def ray_processes(name: str) -> set[psutil.Process]:
    """Of these tests' own Ray: the actors of a class."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # they come and go
            if name in "".join(process.cmdline()[:1]):
                found.add(process)
    return found


@contextlib.contextmanager
def ray_cluster() -> Iterator[str]:
    """The address of its dashboard."""
    ports = _free_ports("port", "dashboard-port", "dashboard-agent-listen-port")
    options = {**ports, "num-cpus": 4, "dashboard-host": "127.0.0.1"}
    address = f"http://127.0.0.1:{ports['dashboard-port']}"
    command = [RAY, "start", "--head", "--block", *(f"--{name}={value}" for name, value in options.items())]
    for tries_left in (4, 3, 2, 1, 0):  # its parts may not answer in time (ray#65983), as on a busy machine
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
    """Run a command by `ray job submit`, to its end."""
    return subprocess.run(
        [RAY, "job", "submit", "--address", address, "--", *command],
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )


def jobs(address: str, job: bytes | None = None) -> str:
    """The cluster's answer to a request for its jobs, or to a new one."""
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
    """Waits until it does, or the head has ended."""
    while head.poll() is None:
        try:
            jobs(address, b'{"entrypoint": "true"}')
            return True
        except OSError:
            time.sleep(0.5)
    return False
