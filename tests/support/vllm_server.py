"""vLLM's own server of the OpenAI API, on the CPU."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 400.0

PLAIN_CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""A chat template that adds nothing, so that both APIs give the same answer."""


@dataclass(frozen=True)
class VllmServer:
    url: str
    model: str
    key: str

    def counter(self, name: str) -> float:
        """Return the value of a counter of the server, such as `vllm:prompt_tokens_total`."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/metrics") as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))


@contextmanager
def vllm_server(directory: str, folder: Path, key: str = "a-servers-key") -> Iterator[VllmServer]:
    """Serve a model directory under the name `served` for the time of the block; logs go to `folder`."""
    port = _free_port()
    template = folder / "template.jinja"
    template.write_text(PLAIN_CHAT)
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", directory]
    command += ["--served-model-name", "served", "--dtype", "float32", "--enforce-eager"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--max-model-len", "512"]
    command += ["--api-key", key, "--generation-config", "vllm", "--chat-template", str(template)]
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    log = folder / "server.log"
    with log.open("w") as output:
        # In its own session, so that its engine, a child process, ends with the group.
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/health", log)
        yield VllmServer(f"http://127.0.0.1:{port}/v1", "served", key)
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"vLLM's server did not start:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=20)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
