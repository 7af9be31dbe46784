"""A sandbox server in a gVisor container: a kernel in user space stands between the programs and the machine's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from rayboot.errors import RaybootError, UserError
from rayboot.sandbox.inside import framing, newroot, preload
from rayboot.sandbox.inside.languages import readable_of_languages
from rayboot.sandbox.server import BOOT, END_SECONDS, Server, interpreter_command, make_folder

_SOURCE_FOLDER = "/server"
"""Folder in the container that holds the sandbox's own source. Only the container's root may open it."""
_TOOLS = ("/usr", "/bin", "/etc/alternatives")
_CAPABILITIES = [
    f"CAP_{name}" for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SYS_ADMIN")
]
"""Capabilities with which the fork server gives each program a user and a pid namespace."""
_RUN_AND_REMOVE = 'umask 022; "$@"; status=$?; rm -rf "$0"; exit $status'


class _Mount(TypedDict):
    destination: str
    type: str
    source: str
    options: list[str]


class ContainedServer(Server):
    """A `Server` in its own container, which `runsc` runs. The container ends when its channel is closed.

    Raise UserError if `runsc` is not on the PATH (constructor), or cannot run here (`wait_ready`).
    """

    def _launch(self, channel: socket.socket) -> subprocess.Popen[bytes]:
        runsc = shutil.which("runsc")
        if runsc is None:
            raise UserError(
                "runtime runsc: there is no `runsc` on the PATH; install gVisor (Debian package runsc)"
            )
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `_end`)
        self._bundle, self._folder_lock = make_folder("rayboot-runsc-")
        _write_bundle(Path(self._bundle), self._environment)
        options = [f"--root={self._bundle}/state", "--network=none", "--ignore-cgroups"]
        container = [runsc, *options, "run", f"--bundle={self._bundle}", Path(self._bundle).name]
        return subprocess.Popen(  # the shell removes the bundle, even if this process is killed
            ["/bin/sh", "-c", _RUN_AND_REMOVE, self._bundle, *container],
            cwd="/",
            env=self._environment,
            stdin=channel.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
        )

    def wait_ready(self) -> None:
        try:
            super().wait_ready()
        except UserError:
            raise
        except RaybootError as error:
            self._stderr.seek(0)
            output = self._stderr.read().decode(errors="replace").strip() or str(error)
            problem = output.splitlines()[-1]
            raise UserError(
                f"runtime runsc: gVisor (Debian package runsc; needs root) cannot run here: {problem}"
            ) from error

    def _end(self) -> None:
        with suppress(OSError):  # close() alone keeps it open while another thread waits for a verdict on it
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # the container's processes die with `runsc run`
            self._process.wait()
        self._stderr.close()
        shutil.rmtree(self._bundle, ignore_errors=True)
        os.close(self._folder_lock)

    def _on_heartbeat(self) -> None:
        """Send the share of a processor that each process gets, which the container cannot see."""
        processors = len(os.sched_getaffinity(0))
        running = int(Path("/proc/loadavg").read_text().split()[3].split("/")[0])
        framing.send(self._channel, min(1.0, processors / max(running, 1)))


def _write_bundle(bundle: Path, environment: dict[str, str]) -> None:
    """Write an OCI bundle: the process that `runsc` starts, and the files that it sees."""
    source = bundle / "rootfs" / _SOURCE_FOLDER[1:]
    source.mkdir(parents=True)
    source.chmod(0o700)
    source.parent.chmod(0o755)
    mounts = _mounts(environment)
    if not any(mount["destination"].startswith("/tmp/") for mount in mounts):
        (source.parent / "tmp").symlink_to(newroot.WORK_DIRECTORY)
    (bundle / "config.json").write_text(json.dumps(_specification(mounts, environment)))


def _specification(mounts: list[_Mount], environment: dict[str, str]) -> dict[str, object]:
    python, *rest = interpreter_command(BOOT, f"{_SOURCE_FOLDER}/sandbox", "0", newroot.WORK_PARENT, "runsc")
    sets = ("bounding", "effective", "inheritable", "permitted")
    process = {
        "user": {"uid": 0, "gid": 0},
        "args": [os.path.realpath(python), *rest],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": "/",
        "noNewPrivileges": True,
        "capabilities": dict.fromkeys(sets, _CAPABILITIES),
        "rlimits": [{"type": "RLIMIT_MSGQUEUE", "soft": 0, "hard": 0}],
    }
    return {
        "ociVersion": "1.0.2",
        "process": process,
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "sandbox",
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


def _mounts(environment: dict[str, str]) -> list[_Mount]:
    python = os.path.realpath(interpreter_command("")[0])
    readable = newroot.readable_paths(
        [*readable_of_languages(), *preload.readable_of(environment), python, *_TOOLS]
    )
    return [
        *(_memory(path, "ro", "mode=755") for path in ("/proc", "/sys", "/dev/shm", "/dev/pts")),
        _memory(newroot.WORK_PARENT, "nosuid", "nodev", "size=64m", "mode=711"),
        _bind(str(Path(__file__).parent), f"{_SOURCE_FOLDER}/sandbox"),
        *(_bind(path, path) for path in _outermost(readable)),
    ]


def _memory(destination: str, *options: str) -> _Mount:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def _bind(source: str, destination: str) -> _Mount:
    real = os.path.realpath(source)
    return {"destination": destination, "type": "bind", "source": real, "options": ["ro", "rbind"]}


def _outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths that do not lie below another of them."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept
