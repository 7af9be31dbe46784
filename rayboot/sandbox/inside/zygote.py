"""The fork server: a small warm process whose children run programs and judges. It never sees a test."""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import importlib
import os
import posix
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import CodeType
from typing import NoReturn

from . import candidate, command, framing, judge, preload, script, streams
from .cell import Isolation, Level, Profile
from .exits import ExitPipes
from .framing import Message
from .kernel import PR_SET_CHILD_SUBREAPER, prctl, reap_group
from .program import compile_program, describe_syntax_error

_PRELOAD = """
abc argparse array bisect calendar cmath collections collections.abc contextlib copy dataclasses datetime decimal enum
fractions functools heapq io itertools json math numbers operator os pprint queue random re statistics string struct sys
textwrap threading time traceback types typing unicodedata warnings
"""
_MAX_SOURCE_LENGTH = 100_000
"""Characters. Longer programs are compiled in their own process, under its limits."""
_COMPILER_BYTES = 64 << 20
"""Programs that take more memory to compile are compiled in their own process, too."""


def main(level: Level, scratch: str, control_fd: int, memory_fd: int, readable: list[str]) -> None:
    """Report whether this isolation level works here, then fork until the supervisor is gone.

    A process that writes to `memory_fd` enters the control group for programs' memory; -1 if there is none.
    """
    control = socket.socket(fileno=control_fd)
    readable = [*readable, *_import_modules()]
    for name in ("exit", "quit"):  # left out by `-S`
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D"))
    size = _address_space()
    try:
        isolation = Isolation.prepare(level, scratch, readable)
    except OSError as error:
        framing.send(control, {"error": str(error)})
        return
    sys.set_int_max_str_digits(0)  # long numbers do not make a program wrong, and its time is limited
    streams.name_descriptors()
    # Programs read a file and print to pipes, and a stream checks at its creation what its descriptor is.
    pipe, own_stderr = os.pipe()[1], os.dup(2)
    os.dup2(os.memfd_create("stdin"), 0)
    os.dup2(pipe, 1)
    os.dup2(pipe, 2)
    streams.renew()
    os.dup2(own_stderr, 2)
    os.close(own_stderr)
    sys.path.remove(sys.argv[1])  # a program must not import our modules by accident
    # gVisor lets the first process alone be a subreaper; there a program's pid namespace ends its children.
    with suppress(OSError):
        prctl("subreaper", PR_SET_CHILD_SUBREAPER, 1)  # to reap what a program has started
    gc.collect()
    gc.freeze()
    framing.send(control, {"error": ""})
    _Zygote(control, isolation, size, memory_fd).serve()


def _import_modules() -> list[str]:
    """Import what programs use, and return the paths that it takes to read.

    Only later may modules register fork handlers: see `_BOOT` in forkserver.py.
    """
    for name in _PRELOAD.split():
        importlib.import_module(name)
    readable = preload.import_all()
    os.register_at_fork = posix.register_at_fork
    importlib.import_module("random").seed(0)
    return readable


class _Zygote:
    def __init__(self, control: socket.socket, isolation: Isolation, size: int, memory_fd: int) -> None:
        self._control = control
        self._isolation = isolation
        self._memory_fd = memory_fd
        self._exits = ExitPipes()
        self._most_memory = size and size + _COMPILER_BYTES
        self._directories: dict[int, str] = {}
        """Work directories of the commands that run, by pid."""
        self._last: tuple[tuple[str, bool], CodeType] | None = None

    def serve(self) -> None:
        while True:
            try:
                request, fds = framing.receive_with_fds(self._control)
            except EOFError:
                return
            if "reap" in request:
                framing.send(self._control, self._reap(request["reap"]))
                continue
            framing.send(self._control, self._spawn(request, fds))
            for fd in fds:
                os.close(fd)

    def _spawn(self, request: Message, fds: list[int]) -> Message:
        code: CodeType | None = None
        if (
            request["role"] in ("candidate", "script")
            and len(request["program"]) <= _MAX_SOURCE_LENGTH
            and self._most_memory
            and not request["compile_inside"]
        ):
            try:
                with _limited_address_space(self._most_memory):
                    code = self._compile(request["program"], request["role"] == "script")
            except (SyntaxError, ValueError) as error:
                return {"syntax_error": describe_syntax_error(error)}
            except (RecursionError, MemoryError):
                pass  # the child will get it too, under its own limits
        end = self._exits.take(fds)
        directory = self._isolation.new_directory() if request["role"] == "command" else ""
        pid = self._isolation.fork()
        self._exits.forked(pid, end)
        if pid == 0:
            self._child(request, code, fds, directory)
        if directory:
            self._directories[pid] = directory
        return {"pid": pid}

    def _compile(self, source: str, is_script: bool) -> CodeType:
        """Compile the program, unless it was the last one that was compiled.

        Compiling here saves the child a millisecond of copied pages, and every test of a script but the first the
        compilation.
        """
        if self._last is None or self._last[0] != (source, is_script):
            self._last = ((source, is_script), compile_program(source, is_script))
        return self._last[1]

    def _child(self, request: Message, code: CodeType | None, fds: list[int], directory: str) -> NoReturn:
        if request["is_grouped"]:
            os.write(self._memory_fd, b"0")
        profile: Profile = "command" if request["role"] == "command" else "python"
        self._isolation.enter(fds, request["limits"], profile, request.get("executes", False), directory)
        try:
            if profile == "python":
                candidate.show_source(request["program"])
            channel = socket.socket(fileno=3)
            if request["role"] == "judge":
                judge.serve(channel, socket.socket(fileno=4))
            elif request["role"] == "command":
                command.run(channel, request)
            elif request["role"] == "script":
                script.run(channel, code or request["program"], request["prelude"])
            else:
                candidate.serve(
                    channel, code or request["program"], request["prelude"], request["setup_code"]
                )
        finally:
            os._exit(1)

    def _reap(self, pid: int) -> Message:
        status, cpu, peak = reap_group(pid)
        self._isolation.clean(self._directories.pop(pid, ""))
        return {"usage": [status, cpu, peak, self._isolation.complaint()]}


def _address_space() -> int:
    """Return the bytes of address space of this process; 0 where they are not visible."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


@contextmanager
def _limited_address_space(memory: int) -> Iterator[None]:
    """Limit the address space to `memory` bytes.

    A short text may take gigabytes to compile: this process would keep them, and forking it would be slow.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
