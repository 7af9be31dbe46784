"""The program's own process, for another language than Python: it writes files, compiles, and becomes the program."""

from __future__ import annotations

import base64
import os
import signal
import socket
from typing import NoReturn

from . import framing

_FILE = 4
"""The descriptor of `Command.file`."""
_LOG = ".build.log"
_LOG_BYTES = 1 << 16
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def run(channel: socket.socket, request: framing.Message) -> NoReturn:
    """Send `["build_failed", what the compiler printed]` or `["built"]`, then run the command."""
    environment = {**_ENVIRONMENT, "HOME": os.getcwd(), "TMPDIR": os.getcwd(), **request["env"]}
    for name, text in request["files"].items():
        _write(name, text.encode(errors="surrogatepass"))
    for name, data in request["binaries"].items():
        _write(name, base64.b64decode(data))
    for name, (start, size) in request["parts"].items():
        _write(name, os.pread(_FILE, size, start))
    if request["parts"]:
        os.close(_FILE)
    # Python ignores these signals, and a new program would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for argv in request["builds"]:
        if _build(argv, environment) != 0:
            with open(_LOG, "rb") as file:
                framing.send(channel, ["build_failed", file.read(_LOG_BYTES).decode(errors="replace")])
            os._exit(1)
    if request["executes"]:
        os.chmod(request["argv"][0], 0o700)
    framing.send(channel, ["built"])
    if request["channel"] == "stdin":
        os.dup2(channel.fileno(), 0)
    os.set_inheritable(channel.fileno(), request["channel"] == "descriptor")
    os.execve(request["argv"][0], request["argv"], environment)


def _write(name: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(data)


def _build(argv: list[str], environment: dict[str, str]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.set_inheritable(3, False)
            os.execve(argv[0], argv, environment)
        finally:
            os._exit(127)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
