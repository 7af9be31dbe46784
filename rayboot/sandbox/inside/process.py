"""A child of the fork server, as the supervisor sees it: its channel, its output, its exit."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from . import exits, framing
from .forkserver import ForkServer, Usage
from .framing import Message
from .pump import Pump
from .stops import Ended, ForkServerDied, Misbehaved, Stop, TooMuchOutput

_CHUNK = 1 << 16
_CLOSED = -1


@dataclass
class Output:
    """Output of the program, all its processes together."""

    limit: int
    texts: dict[str, bytearray] = field(
        default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()}
    )
    count: int = 0

    def add(self, name: str, data: bytes) -> None:
        self.count += len(data)
        left = self.limit - sum(map(len, self.texts.values()))
        self.texts[name] += data[: max(left, 0)]
        if self.count > self.limit:
            raise TooMuchOutput(f"the program printed more than {self.limit} bytes")


class ChildProcess:
    """A forked child that runs a program or a judge.

    Raise Stop if the program does not compile, ForkServerDied if the fork server has to be restarted, and the job run
    again.
    """

    def __init__(
        self,
        server: ForkServer,
        pump: Pump,
        output: Output,
        request: Message,
        fds: Mapping[str, int] | None = None,
        is_program: bool = True,
    ) -> None:
        self._server, self._pump, self._output = server, pump, output
        self._is_program = is_program
        self._unpacker = framing.Unpacker()
        self._outgoing = bytearray()
        self._closed = False
        self._exited = False
        self.usage: Usage = {}
        self._group = server.memory if is_program and request["role"] == "command" else None
        self._kills = self._group.kills() if self._group is not None else 0
        self.pid = self._spawn({**request, "is_grouped": self._group is not None}, fds or {})
        self._register()

    def _register(self) -> None:
        self._pump.process_started(self.pid, self._is_program)
        self._pump.register(self._exit_fd, self._on_exit)
        self._pump.register(self.channel.fileno(), self._on_channel)
        for fd in self._pipes:
            self._pump.register(fd, partial(self._on_output, fd))

    def _spawn(self, request: Message, fds: Mapping[str, int]) -> int:
        null = os.open(os.devnull, os.O_RDWR)
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        self.channel, theirs = socket.socketpair()
        self._pipes = {out: "stdout", err: "stderr"}
        for fd in self._pipes:
            os.set_blocking(fd, False)
        passed = [fds.get("stdin", null), out_end, err_end, theirs.fileno()]
        passed += [fds[name] for name in ("program", "file") if name in fds]
        self._exit_fd, *kept = exits.exit_pipe() or (_CLOSED,)
        try:
            answer = self._server.spawn(request, [*passed, *kept])
            if "syntax_error" in answer:
                raise syntax_stop(answer["syntax_error"])
            pid = int(answer["pid"])
            if self._exit_fd == _CLOSED:
                self._exit_fd = os.pidfd_open(pid)
            return pid
        except BaseException:
            self._close()
            raise
        finally:
            for fd in (null, out_end, err_end, *kept):
                os.close(fd)
            theirs.close()

    def limit_memory(self, size: int) -> None:
        """Limit the memory of all processes of a program, which may start more than this one."""
        if self._group is not None:
            self._group.limit(size)
        else:
            self._pump.watch_memory(self.pid, size)

    def send(self, message: object) -> None:
        self._outgoing += framing.pack(message)
        self._flush()

    def _flush(self) -> None:
        try:
            sent = self.channel.send(self._outgoing, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # nobody reads any more; the exit will be noticed
        events = select.POLLIN | (select.POLLOUT if self._outgoing else 0)
        self._pump.register(self.channel.fileno(), self._on_channel, events)

    def receive(self) -> list[Any]:
        """Return the next message. Raise Stop if none will come, or it is not a list with something in it."""
        message = self.receive_any()
        if not isinstance(message, list) or not message:
            raise Misbehaved()
        return message

    def receive_any(self) -> Any:
        """Return the next message. Raise Stop if none will come, or it is malformed or too long."""
        while True:
            try:
                message = self._unpacker.next()
            except framing.FrameTooLong as error:
                raise TooMuchOutput("a value that the program returned is too large") from error
            except ValueError as error:
                raise Misbehaved() from error
            if message is not None:
                return message
            if self._closed or self._exited:
                raise Ended("the program ended")
            self._pump.step()

    def move_to(self, pump: Pump, output: Output) -> None:
        """Assign the process to another job."""
        for fd in (*self._pipes, self.channel.fileno(), self._exit_fd):
            self._pump.unregister(fd)
        self._pump, self._output = pump, output
        self._register()

    def wait(self) -> None:
        """Wait until the process has exited, and all its output is read."""
        while not self._exited:
            self._pump.step()

    def leave_channel(self) -> None:
        """Leave the channel to a judge, which has a copy of it and reads the program's answers."""
        self._pump.unregister(self.channel.fileno())

    def _on_channel(self, event: int) -> None:
        if event & select.POLLOUT:
            self._flush()
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            self._read_channel()

    def _read_channel(self) -> None:
        try:
            data = self.channel.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._closed = True
            self._pump.unregister(self.channel.fileno())
        if self._unpacker.size > framing.MAX_FRAME:
            raise TooMuchOutput("the program wrote too much to the sandbox's own channel")
        self._unpacker.feed(data)

    def _on_output(self, fd: int, event: int) -> None:
        """Read the available output. There may be none, if the exit was handled first."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._pump.unregister(fd)
        self._output.add(self._pipes[fd], data)

    def _on_exit(self, event: int) -> None:
        self._exited = True
        self._pump.unregister(self._exit_fd)
        self._drain()

    def _drain(self) -> None:
        """Read what is left: everything that the process wrote is in the kernel's buffers by now."""
        for fd, name in self._pipes.items():
            with suppress(BlockingIOError):
                while data := os.read(fd, _CHUNK):
                    self._output.add(name, data)
        before = None
        while not self._closed and before != self._unpacker.size:
            before = self._unpacker.size
            self._read_channel()

    def end(self) -> Usage:
        """Kill the process if it still runs, read the rest of its output, and return its resource usage."""
        if self._exit_fd == _CLOSED:
            return self.usage
        try:
            self._pump.process_ends(self.pid)
            if not self._exited:
                with suppress(ProcessLookupError):  # its fork server has died
                    exits.kill(self._exit_fd, self.pid)
            self.usage = {**self._reap(), "killed": not self._exited}
            self.usage["starved"] = self._group is not None and self._group.kills() > self._kills
            self._drain()
        except TooMuchOutput:
            pass  # the verdict is decided already
        finally:
            self._close()
        return self.usage

    def _reap(self) -> Usage:
        try:
            return self._server.reap(self.pid)
        except ForkServerDied:
            if self._exited:
                raise
            self._server.restart()  # the verdict does not depend on how the process ended: the job stays done
            return {"broken": ""}

    def _close(self) -> None:
        for fd in (*self._pipes, self.channel.fileno(), self._exit_fd):
            self._pump.unregister(fd)
        for fd in self._pipes:
            os.close(fd)
        self.channel.close()
        if self._exit_fd != _CLOSED:
            os.close(self._exit_fd)
            self._exit_fd = _CLOSED


def syntax_stop(error: Mapping[str, object]) -> Stop:
    """Return the stop of a program that does not compile. The fields may come from the program's own process."""
    line = error.get("line")
    stop = Stop(
        str(error.get("message"))[:1000],
        error_type=str(error.get("type"))[:80],
        line=line if type(line) is int else None,
    )
    stop.status = "syntax_error"
    return stop
