"""Tests by standard input and output: the program runs as a script in a fresh process, and its output is compared."""

from __future__ import annotations

import os

from .command_process import outcome_of_exit, start
from .compare import same_output
from .compiled import run_command
from .forkserver import Usage
from .framing import Message
from .job import Job, Outcome, outcome_of_stop
from .judge import outcome_of_exception
from .languages import LANGUAGES
from .process import ChildProcess, Output, syntax_stop
from .stops import Ended, Misbehaved, Stop
from .values import shorten


def run_stdio(job: Job, test: Message) -> Outcome:
    stdin = os.memfd_create("stdin")
    try:
        with open(os.dup(stdin), "wb") as file:
            file.write(test["stdin"].encode(errors="surrogatepass"))
        os.lseek(stdin, 0, os.SEEK_SET)
        return _run(job, test, stdin)
    finally:
        os.close(stdin)


def _run(job: Job, test: Message, stdin: int) -> Outcome:
    job.output = Output(job.limits["output"])
    try:
        child = _start(job, stdin)
    except Stop as stop:
        return {**stop.outcome(), "reached": False}
    call = shorten(test["stdin"])
    try:
        child.wait()
        error = _reported_error(child) if job.request["language"] == "python" else None
    except Stop as stop:
        return {**outcome_of_stop(stop, child.end(), job.limits), "call": call}
    finally:
        job.count(child.end())
    if error is not None:
        return {**error, "call": call}
    if child.usage["status"] != 0:
        return {**_bad_exit(job, child.usage), "call": call}
    got = job.output.texts["stdout"].decode(errors="replace")
    if same_output(got, test["stdout"]):
        return {"status": "passed"}
    shown = {"got": shorten(got.strip()), "expected": shorten(test["stdout"].strip())}
    return {"status": "failed", "message": "the output is wrong", "call": call, **shown}


def _start(job: Job, stdin: int) -> ChildProcess:
    name = job.request["language"]
    if name == "python":
        request = job.spawn_request("script")
        return ChildProcess(job.server, job.pump, job.output, request, {"stdin": stdin})
    language = LANGUAGES[name]
    return start(job, language, run_command(job, language), stdin)


def _reported_error(child: ChildProcess) -> Outcome | None:
    """Return the outcome of an exception that the child reported; None if it ended without one."""
    try:
        kind, *details = child.receive()
    except Ended:
        return None
    if kind == "raised" and details:
        return outcome_of_exception(details[0])
    if kind == "syntax" and details and isinstance(details[0], dict):
        stop = syntax_stop(details[0])
        stop.fields["reached"] = False
        raise stop
    raise Misbehaved()


def _bad_exit(job: Job, usage: Usage) -> Outcome:
    if job.request["language"] != "python":
        return outcome_of_exit(job, LANGUAGES[job.request["language"]], usage)
    outcome = outcome_of_stop(Ended(""), usage, job.limits)
    if outcome["status"] == "error":
        code = os.waitstatus_to_exitcode(usage["status"])
        outcome["message"] = f"the program ended with exit status {code}"
    return outcome
