"""The supervisor's side of a program in another language: start its command, and say what became of it."""

from __future__ import annotations

import os
import re
from typing import Any

from .job import Job, Outcome, outcome_of_stop
from .languages.base import Command, Complaint, Language
from .process import ChildProcess
from .stops import Ended, Stop

BUILD_SECONDS = 120.0
"""Time for a compiler; the program's own begins when it is through."""

_OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemoryError|cannot allocate memory", re.IGNORECASE)


def command_request(job: Job, command: Command) -> dict[str, Any]:
    return {
        "role": "command",
        "executes": not os.path.isabs(command.argv[0]),
        "argv": list(command.argv),
        "files": dict(command.files),
        "binaries": dict(command.binaries),
        "builds": [list(build) for build in command.builds],
        "env": dict(command.env),
        "channel": command.channel,
        "limits": job.limits,
    }


def start(job: Job, language: Language, command: Command, stdin: int | None = None) -> ChildProcess:
    """Run a command in a cell, and wait until it is compiled.

    Raises:
        Stop: It does not compile.
    """
    fds = {} if stdin is None else {"stdin": stdin}
    if command.builds:
        job.pump.restart(BUILD_SECONDS)
    request = command_request(job, command)
    child = ChildProcess(job.server, job.pump, job.output, request, fds)
    try:
        kind, *details = child.receive()
        if kind == "build_failed" and details:
            raise compile_stop(language.explain(str(details[0])))
        if kind != "built":
            raise Stop(f"the program could not be started: {details}")
    except BaseException:
        job.count(child.end())
        raise
    job.pump.restart(job.limits["timeout"])
    return child


def compile_stop(complaint: Complaint) -> Stop:
    fields = {"error_type": complaint.error_type or "SyntaxError", "line": complaint.line, "reached": False}
    stop = Stop(complaint.message, **fields)
    stop.status = "syntax_error"
    return stop


def outcome_of_exit(job: Job, language: Language, usage: dict[str, Any]) -> Outcome:
    """What a verdict says of a program that ended in another way than it should."""
    text = job.output.texts["stderr"].decode(errors="replace")
    if _OUT_OF_MEMORY.search(text):
        return {
            "status": "memory_limit",
            "error_type": "MemoryError",
            "message": "the program needs more memory",
        }
    outcome = outcome_of_stop(Ended(""), usage, job.limits)
    complaint = language.explain(text)
    if outcome["status"] in ("error", "crashed") and (complaint.error_type or complaint.message):
        return {
            "status": "error",
            "error_type": complaint.error_type,
            "message": complaint.message,
            "line": complaint.line,
        }
    return outcome
