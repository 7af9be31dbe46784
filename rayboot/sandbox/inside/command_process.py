"""The supervisor's side of a program in another language: start its command, and interpret its exit."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext

from .cell import BUILD_SECONDS
from .forkserver import Usage
from .framing import Message
from .job import Job, Outcome, outcome_of_stop
from .languages.base import Command, Complaint, Language
from .process import ChildProcess, Output
from .stops import Ended, Stop

_BUILD_BYTES = 2 << 30
COMPILER = "the compiler of the program"

_OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemoryError|cannot allocate memory", re.IGNORECASE)


def spawn_command(
    job: Job,
    command: Command,
    output: Output,
    limits: Message,
    stdin: int | None = None,
    is_program: bool = True,
) -> ChildProcess:
    request = {
        "role": "command",
        "executes": not os.path.isabs(command.argv[0]),
        "argv": command.argv,
        "files": command.files,
        "binaries": command.binaries,
        "parts": command.parts,
        "builds": command.builds,
        "env": command.env,
        "channel": command.channel,
        "limits": limits,
    }
    fds = {} if stdin is None else {"stdin": stdin}
    if command.file is not None:
        fds["file"] = command.file.fileno()
    return ChildProcess(job.server, job.pump, output, request, fds, is_program)


def start(job: Job, language: Language, command: Command, stdin: int | None = None) -> ChildProcess:
    """Run a command in a cell. Return once it is compiled. Raise Stop if it does not compile or start."""
    apart = job.pump.apart(BUILD_SECONDS, COMPILER) if command.builds else nullcontext()
    if job.server.memory is not None:
        job.server.memory.limit(max(job.limits["memory"], _BUILD_BYTES if command.builds else 0))
    child = spawn_command(job, command, job.output, job.limits, stdin)
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


def outcome_of_exit(job: Job, language: Language, usage: Usage) -> Outcome:
    """Return the outcome of a program that ended in another way than it should."""
    text = job.output.texts["stderr"].decode(errors="replace")
    if _OUT_OF_MEMORY.search(text):
        message = "the program needs more memory"
        return {"status": "memory_limit", "error_type": "MemoryError", "message": message}
    outcome = outcome_of_stop(Ended(""), usage, job.limits)
    complaint = language.explain(text)
    if outcome["status"] == "error" and not complaint.compiles:
        return compile_stop(complaint).outcome()
    is_explained = complaint.error_type or (complaint.message and outcome["status"] == "error")
    if outcome["status"] in ("error", "crashed") and is_explained:
        explained = {"error_type": complaint.error_type, "message": complaint.message, "line": complaint.line}
        return {"status": "error", **explained}
    return outcome
