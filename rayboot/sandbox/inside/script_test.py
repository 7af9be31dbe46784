"""A test file in the program's own language (MBXP): run it with the program, so that the program cannot decide."""

from __future__ import annotations

import os
import re
from typing import Any

from .command_process import outcome_of_exit, start
from .compiled import test_command
from .job import Job, Outcome, outcome_of_stop
from .languages import LANGUAGES
from .languages.base import Sealed, Split
from .peer import Peer, dismiss, peer_of
from .process import ChildProcess, Output
from .stops import Ended, Misbehaved, Stop

_FAILED_TEST = re.compile(r"test case \d+ (?:did not pass|failed)|failed to pass", re.IGNORECASE)
_SECRET_BYTES = 16


def run_script(job: Job, test: dict[str, Any]) -> Outcome:
    """The outcome of one test file. `reached` is False in it when the program does not compile."""
    job.output = Output(job.limits["output"])
    language = LANGUAGES[job.request["language"]]
    try:
        if isinstance(language, Split):
            return _split(job, language, test["code"])
        assert isinstance(language, Sealed)
        return _sealed(job, language, test["code"])
    except Stop as stop:
        return stop.outcome()


def _split(job: Job, language: Split, code: str) -> Outcome:
    """The program and the test file in two processes; calls and plain data cross."""
    program = start(job, language, language.runner(job.request["program"]), channel="descriptor")
    try:
        outcome = _loaded(program)
        if outcome is None:
            outcome = _judged(job, language, code, program)
    except Ended as ended:
        outcome = _ended(job, language, program, ended)
    except Stop as stop:
        outcome = outcome_of_stop(stop, program.end(), job.limits)
    finally:
        job.count(program.end())
    return outcome


def _ended(job: Job, language: Split, program: ChildProcess, ended: Ended) -> Outcome:
    """The program's process is about to end: its channel is closed already, its exit status not yet there."""
    try:
        program.wait()
    except Stop as stop:
        return outcome_of_stop(stop, program.end(), job.limits)
    usage = program.end()
    if usage["status"] == 0:
        return outcome_of_stop(ended, usage, job.limits)
    return outcome_of_exit(job, language, usage)


def _loaded(program: ChildProcess) -> Outcome | None:
    """What kept the program from being ready, if anything did."""
    kind, *details = program.receive()
    if kind == "ready":
        return None
    if kind not in ("syntax", "raised") or len(details) != 1:
        raise Misbehaved()
    error = _described(details[0])
    if kind == "raised":
        return {"status": "error", **error}
    return {"status": "syntax_error", **error, "reached": False}


def _judged(job: Job, language: Split, code: str, program: ChildProcess) -> Outcome:
    name = f"judge of {language.name}"
    peer = peer_of(job, name, language.judge, "descriptor")
    try:
        peer.send({"code": code, "entry_point": job.request["entry_point"]})
        outcome, judge_ends = _relay(peer, program)
    except BaseException:
        dismiss(job, name)
        raise
    if judge_ends:
        dismiss(job, name)
    return outcome


def _relay(peer: Peer, program: ChildProcess) -> tuple[Outcome, bool]:
    """Carry calls from the test file to the program, and data back, until the test file is through.

    A function of the test's may be called back meanwhile, and call the program in turn. Gives whether the judge ends
    with this verdict.
    """
    count = 0
    open_calls: list[int] = []
    while True:
        try:
            kind, *details = peer.receive()
        except Ended as ended:
            raise Stop("the test file ended its own process by a signal") from ended
        if kind == "verdict":
            return details[0], bool(details[1])
        if kind == "ask":
            count += 1
            open_calls.append(count)
            program.send([count, *details])
        else:
            program.send([open_calls[-1], kind, *details])
        reply = program.receive()
        if len(reply) != 4 or reply[0] != open_calls[-1] or not isinstance(reply[3], list):
            raise Misbehaved()
        if reply[1] == "callback":
            peer.send(reply[1:])
            continue
        open_calls.pop()
        if reply[1] == "ok":
            changes = [change if isinstance(change, list) and change else None for change in reply[3]]
            peer.send(["ok", reply[2], changes])
        elif reply[1] == "raised":
            error = _described(reply[2])
            thrown = reply[2].get("thrown") if isinstance(reply[2], dict) else None
            peer.send(["raised", {**error, "type": error["error_type"], "thrown": thrown}, []])
        else:
            raise Misbehaved()


def _described(error: Any) -> dict[str, Any]:
    """An exception of the program, as it reports it itself."""
    fields = error if isinstance(error, dict) else {}
    line = fields.get("line")
    return {
        "error_type": str(fields.get("type", ""))[:80],
        "message": str(fields.get("message", ""))[:1000],
        "line": line if type(line) is int else None,
    }


def _sealed(job: Job, language: Sealed, code: str) -> Outcome:
    """One process: it tells the secret when the test file is through, and the program cannot know it."""
    secret = os.urandom(_SECRET_BYTES).hex()
    command = test_command(job, language, code)
    stdin, end = os.pipe()
    with open(end, "w") as file:
        file.write(f"{secret}\n")
    try:
        child = start(job, language, command, stdin)
    finally:
        os.close(stdin)
    try:
        child.wait()
    except Stop as stop:
        return outcome_of_stop(stop, child.end(), job.limits)
    finally:
        job.count(child.end())
    told = _take_secret(job.output, secret)
    if child.usage["status"] == 0 and told:
        return {"status": "passed"}
    outcome = outcome_of_exit(job, language, child.usage)
    if outcome["status"] == "error" and _FAILED_TEST.search(outcome["message"]):
        return {**outcome, "status": "failed"}
    return outcome


def _take_secret(output: Output, secret: str) -> bool:
    """Whether the last line of standard error is the secret, which no verdict shall show."""
    text = output.texts["stderr"]
    end = f"{secret}\n".encode()
    told = text.endswith(end)
    output.texts["stderr"] = bytearray(bytes(text).replace(end, b""))
    return told
