"""The fork server: one small warm process whose children run programs and judges. It never sees a test."""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import importlib
import os
import socket
import sys
from types import CodeType
from typing import Any, NoReturn

from . import candidate, command, framing, judge, preload, script, streams
from .cell import Isolation, Profile
from .exits import ExitPipes
from .program import compile_program, describe_syntax_error

_PRELOAD = """
abc argparse array bisect calendar cmath collections collections.abc contextlib copy dataclasses datetime decimal enum
fractions functools heapq io itertools json math numbers operator os pprint queue random re statistics string struct sys
textwrap threading time traceback types typing unicodedata warnings
"""
_MAX_FDS = 6
_TAME_LENGTH = 100_000
"""Characters. Longer programs are compiled in their own process, under its limits."""


def main(control_fd: int, level: str, scratch: str, readable: list[str]) -> None:
    """Say whether this isolation level works here, then fork until the supervisor is gone."""
    control = socket.socket(fileno=control_fd)
    _import_modules()
    for name in ("exit", "quit"):  # what `-S` has left out
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D"))
    try:
        isolation = Isolation.prepare(level, scratch, [*readable, *preload.readable()])  # type: ignore[arg-type]
    except OSError as error:
        framing.send(control, {"error": str(error)})
        return
    sys.set_int_max_str_digits(0)  # programs are right or wrong, and have a time limit
    streams.name_descriptors()
    sys.path.remove(sys.argv[1])  # a program must not import our modules by chance
    gc.collect()
    gc.freeze()
    framing.send(control, {"error": ""})
    _Zygote(control, isolation).serve()


def _import_modules() -> None:
    """Import what programs use, without the handlers that `threading` and `random` have run in every child.

    They put right the locks of other threads, and draw another seed; here is one thread, and the seed is set, so that
    the same program gets the same verdict twice.
    """
    register, os.register_at_fork = os.register_at_fork, lambda **handlers: None
    for name in _PRELOAD.split():
        importlib.import_module(name)
    preload.import_all()
    os.register_at_fork = register
    importlib.import_module("random").seed(0)


class _Zygote:
    def __init__(self, control: socket.socket, isolation: Isolation) -> None:
        self._control = control
        self._isolation = isolation
        self._exits = ExitPipes()
        self._last: tuple[tuple[str, bool], CodeType] | None = None

    def serve(self) -> None:
        while True:
            try:
                request, fds = receive_with_fds(self._control)
            except EOFError:
                return
            if "reap" in request:
                framing.send(self._control, self._reap(request["reap"]))
                continue
            framing.send(self._control, self._spawn(request, fds))
            for fd in fds:
                os.close(fd)

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        code: CodeType | None = None
        if request["role"] in ("candidate", "script") and _is_tame(request):
            try:
                code = self._compile(request["program"], request["role"] == "script")
            except (SyntaxError, ValueError) as error:
                return {"syntax_error": describe_syntax_error(error)}
            except (RecursionError, MemoryError):
                pass  # the child will meet it too, under its own limits
        end = self._exits.take(fds)
        pid = self._isolation.fork()
        self._exits.forked(pid, end)
        if pid == 0:
            self._child(request, code, fds)
        return {"pid": pid}

    def _compile(self, source: str, is_script: bool) -> CodeType:
        """Compiling here saves the child a millisecond of copied pages, and every test of a script but the first."""
        if self._last is None or self._last[0] != (source, is_script):
            self._last = ((source, is_script), compile_program(source, is_script))
        return self._last[1]

    def _child(self, request: dict[str, Any], code: CodeType | None, fds: list[int]) -> NoReturn:
        try:
            profile: Profile = "command" if request["role"] == "command" else "python"
            self._isolation.enter(fds, request["limits"], profile, request.get("executes", False))
        except BaseException as error:
            os.write(fds[3], framing.pack(["broken", f"isolation failed: {error}"]))
            os._exit(1)
        try:
            if profile == "python":
                streams.renew()
                candidate.show_source(request["program"])
            if request["role"] == "judge":
                judge.serve(socket.socket(fileno=3), socket.socket(fileno=4))
            elif request["role"] == "command":
                command.run(socket.socket(fileno=3), request)
            elif request["role"] == "script":
                script.run(socket.socket(fileno=3), code or request["program"], request["prelude"])
            else:
                code = code or request["program"]
                candidate.serve(socket.socket(fileno=3), code, request["prelude"], request["setup_code"])
        finally:
            os._exit(1)

    def _reap(self, pid: int) -> dict[str, Any]:
        _, status, usage = os.wait4(pid, 0)
        self._isolation.clean()
        return {"status": status, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}


def _is_tame(request: dict[str, Any]) -> bool:
    return not request["compile_inside"] and len(request["program"]) <= _TAME_LENGTH


def send_with_fds(channel: socket.socket, message: Any, fds: list[int]) -> None:
    data = framing.pack(message)
    sent = socket.send_fds(channel, [data], fds)
    channel.sendall(data[sent:])


def receive_with_fds(channel: socket.socket) -> tuple[Any, list[int]]:
    """The next message and its descriptors. Raises EOFError when the other side is gone."""
    head, fds, _, _ = socket.recv_fds(channel, 4, _MAX_FDS)
    while head and len(head) < 4:
        head += channel.recv(4 - len(head))
    if not head:
        raise EOFError
    return framing.receive_body(channel, int.from_bytes(head, "big")), fds
