"""The supervisor's side of a program in another language: start its command, and interpret its exit."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from typing import Any

from .cell import BUILD_SECONDS
from .job import Job, Outcome, outcome_of_stop
from .languages.base import Command, Complaint, Language
from .process import ChildProcess
from .stops import Ended, Stop

_BUILD_BYTES = 2 << 30
COMPILER = "the compiler of the program"

_OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemoryError|cannot allocate memory", re.IGNORECASE)


def command_request(job: Job, command: Command) -> dict[str, Any]:
    return {
        "role": "command",
        "executes": not os.path.isabs(command.argv[0]),
        "argv": list(command.argv),
        "files": dict(command.files),
        "binaries": dict(command.binaries),
        "parts": dict(command.parts),
        "builds": [list(build) for build in command.builds],
        "env": dict(command.env),
        "channel": command.channel,
        "limits": job.limits,
    }


def descriptors(command: Command) -> dict[str, int]:
    return {} if command.file is None else {"file": command.file.fileno()}


def start(job: Job, language: Language, command: Command, stdin: int | None = None) -> ChildProcess:
    """Run a command in a cell. Return once it is compiled.

    Raises:
        Stop: It does not compile, or could not be started.
    """
    fds = descriptors(command) | ({} if stdin is None else {"stdin": stdin})
    apart = job.pump.apart(BUILD_SECONDS, COMPILER) if command.builds else nullcontext()
    request = command_request(job, command)
    if job.server.memory is not None:
        job.server.memory.limit(max(job.limits["memory"], _BUILD_BYTES if command.builds else 0))
    child = ChildProcess(job.server, job.pump, job.output, request, fds)
    try:
        with apart:
            kind, *details = child.receive()
        if kind == "build_failed" and details:
            raise compile_stop(language.explain(str(details[0])))
        if kind != "built":
            raise Stop(f"the program could not be started: {details}")
    except BaseException:
        job.count(child.end())
        raise
    child.limit_memory(job.limits["memory"])
    return child


def compile_stop(complaint: Complaint) -> Stop:
    fields = {"error_type": complaint.error_type or "SyntaxError", "line": complaint.line, "reached": False}
    stop = Stop(complaint.message, **fields)
    stop.status = "syntax_error"
    return stop


def outcome_of_exit(job: Job, language: Language, usage: dict[str, Any]) -> Outcome:
    """Return the outcome of a program that ended in another way than it should."""
    text = job.output.texts["stderr"].decode(errors="replace")
    if _OUT_OF_MEMORY.search(text):
        return {
            "status": "memory_limit",
            "error_type": "MemoryError",
            "message": "the program needs more memory",
        }
    outcome = outcome_of_stop(Ended(""), usage, job.limits)
    complaint = language.explain(text)
    if outcome["status"] == "error" and not complaint.compiles:
        return compile_stop(complaint).outcome()
    is_explained = complaint.error_type or (complaint.message and outcome["status"] == "error")
    if outcome["status"] in ("error", "crashed") and is_explained:
        return {
            "status": "error",
            "error_type": complaint.error_type,
            "message": complaint.message,
            "line": complaint.line,
        }
    return outcome
