"""The state that the tests of one job share."""

from __future__ import annotations

import os
import signal

from .forkserver import ForkServer, Usage
from .framing import Message
from .process import Output
from .pump import Pump
from .stops import Ended, Misbehaved, Stop

_SHOWN = 2048
"""Bytes of each output stream that a verdict keeps."""

Outcome = Message
"""Fields of a verdict: `status`, and those that the status requires."""


class Job:
    def __init__(self, server: ForkServer, request: Message, compile_inside: bool) -> None:
        self.server = server
        self.request = request
        self.limits: Message = request["limits"]
        self.output = Output(self.limits["output"])
        self.pump = Pump(self.limits["timeout"], server.pid)
        self._compile_inside = compile_inside
        self._cpu_seconds = 0.0
        self._peak_memory = 0
        self.starved = False
        """Whether processes of the program needed more memory than they may have."""

    def spawn_request(self, role: str) -> Message:
        return {
            "role": role,
            "program": "" if role == "judge" else self.request["program"],
            "setup_code": self.request["setup_code"] if role == "candidate" else "",
            "prelude": self.request.get("prelude", ""),
            "compile_inside": self._compile_inside,
            "limits": self.limits,
        }

    def count(self, usage: Usage) -> None:
        """Add the resource usage of a process of the program."""
        self._cpu_seconds += usage.get("cpu", 0.0)
        self._peak_memory = max(self._peak_memory, usage.get("peak", 0))
        if self.request["language"] != "python":
            self.starved |= usage.get("starved", False) or self._peak_memory > self.limits["memory"]

    def usage(self) -> Outcome:
        shown = {
            name: bytes(text[:_SHOWN]).decode(errors="replace") for name, text in self.output.texts.items()
        }
        return {
            "wall_seconds": self.pump.wall_seconds,
            "cpu_seconds": max(self._cpu_seconds, self.pump.cpu_seconds),
            "peak_memory": self._peak_memory,
            **shown,
        }


def outcome_of_stop(stop: Stop, usage: Usage, limits: Message) -> Outcome:
    """Return the outcome of a job that stopped; `usage` is that of the process, if it has ended."""
    if isinstance(stop, Ended) and "status" in usage:
        return _outcome_of_end(usage, limits)
    outcome = stop.outcome()
    # Python's compiler raises MemoryError for lack of memory, and also for what is nested too deeply for it.
    if outcome.get("error_type") == "MemoryError" and usage.get("peak", 0) > limits["memory"] // 2:
        return {**outcome, "status": "memory_limit"}
    return outcome


def _outcome_of_end(usage: Usage, limits: Message) -> Outcome:
    if usage["broken"]:
        return Stop(usage["broken"]).outcome()
    status = usage["status"]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL and usage["killed"]:
            return Misbehaved("the program closed the sandbox's own channel").outcome()
        if number in (signal.SIGXCPU, signal.SIGKILL) and usage["cpu"] >= limits["timeout"]:
            return {"status": "timeout", "message": "the program used up its CPU time"}
        name = "SIGABRT" if number == signal.SIGSYS else signal.Signals(number).name  # see seccomp.py
        return {"status": "crashed", "message": f"the program was killed by {name}"}
    code = os.waitstatus_to_exitcode(status)
    message = f"the program ended its own process (exit status {code}) before the tests were through"
    return {"status": "error", "error_type": "SystemExit", "message": message}
