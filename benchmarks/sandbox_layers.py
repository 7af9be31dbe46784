"""What each layer of isolation costs: milliseconds from fork to the child's end, in processes like the fork server.

`measure` starts this file in a bare interpreter, as the sandbox starts its own, once for each stack of layers.
"""

from __future__ import annotations

import os
import sys
import time

STACKS = {
    "fork alone": "none",
    "+ session, own user, descriptors, resource limits": "C",
    "+ seccomp": "B without Landlock",
    "+ Landlock": "B",
    "+ pid, mount, network, IPC and UTS namespaces (tier A)": "A",
}
_LIMITS = {"timeout": 10.0, "memory": 1 << 30, "output": 1 << 20}


def measure(forks: int, repeats: int) -> dict[str, float]:
    """Median milliseconds by stack; a stack that this machine does not offer is left out."""
    # Here and below: a bare interpreter runs this file too, where these modules would have every fork run handlers.
    import tempfile
    from statistics import median

    times: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, stack in STACKS.items():
            with tempfile.TemporaryDirectory(prefix="rayboot-layers-") as scratch:
                found = _in_bare_interpreter(stack, scratch, forks)
            if found is not None:
                times.setdefault(name, []).append(found)
    return {name: median(values) for name, values in times.items()}


def _in_bare_interpreter(stack: str, scratch: str, forks: int) -> float | None:
    import subprocess
    from pathlib import Path

    from rayboot.sandbox import server

    boot = f"import runpy; runpy.run_path({__file__!r}, run_name='__main__')"
    command = [
        *server.interpreter_command(boot),
        str(Path(server.__file__).parent),
        stack,
        scratch,
        str(forks),
    ]
    done = subprocess.run(
        command, env=server.CLEAN_ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
    )
    return float(done.stdout) if done.returncode == 0 else None


def _main(path: str, stack: str, scratch: str, forks: str) -> None:
    sys.path.insert(0, path)
    import dataclasses
    import gc

    from inside import zygote
    from inside.cell import Isolation

    zygote._import_modules()
    from statistics import median

    isolation = None
    if stack != "none":
        isolation = Isolation.prepare(stack[0], scratch, [])  # type: ignore[arg-type]
        if stack == "B without Landlock":
            isolation = dataclasses.replace(isolation, rules=None)
    gc.collect()
    gc.freeze()
    times = [_one(isolation) for _ in range(int(forks))]
    print(1000 * median(times))


def _one(isolation: object) -> float:
    null = [os.open(os.devnull, os.O_RDWR) for _ in range(4)]
    started = time.perf_counter()
    pid = os.fork() if isolation is None else isolation.fork()  # type: ignore[attr-defined]
    if pid == 0:
        try:
            if isolation is not None:
                isolation.enter(null, _LIMITS, "python")  # type: ignore[attr-defined]
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - started
    for fd in null:
        os.close(fd)
    if status != 0:
        raise SystemExit(f"a child ended with status {status}")
    return took


if __name__ == "__main__":
    _main(*sys.argv[1:])
