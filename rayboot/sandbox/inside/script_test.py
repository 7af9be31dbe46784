"""A test file in the program's own language (MBXP), run with the program so that the program cannot decide."""

from __future__ import annotations

import re

from .command_process import outcome_of_exit, start
from .compiled import compiled_halves
from .framing import Message
from .job import Job, Outcome, outcome_of_stop
from .languages import LANGUAGES
from .languages.base import Compiled, Halves, Language, Split
from .peer import Peer, dismiss, peer_of
from .process import ChildProcess, Output
from .stops import Ended, HelperFailed, Misbehaved, Stop, reported_error

_OUT_OF_MEMORY = re.compile("fatal error: .*(out of memory|cannot allocate memory)")
"""Go's message. A judge that needs more memory than it has is not the program's fault."""


def run_script(job: Job, test: Message) -> Outcome:
    """Return the outcome of one test file. Its field `reached` is False if the program does not compile."""
    job.output = Output(job.limits["output"])
    language = LANGUAGES[job.request["language"]]
    try:
        return _split(job, language, _halves(job, language, test["code"]))
    except Stop as stop:
        return stop.outcome()


def _halves(job: Job, language: Language, code: str) -> Halves:
    if isinstance(language, Compiled):
        return compiled_halves(job, language, code)
    if isinstance(language, Split):
        request = {"code": code, "entry_point": job.request["entry_point"]}
        return Halves(language.runner(job.request["program"]), language.judge(), request)
    raise Stop(
        f"a test file in {language.name} cannot be run in another process than the program, and so is not judged"
    )


def _split(job: Job, language: Language, halves: Halves) -> Outcome:
    """Run the program and the test file in two processes, between which calls and plain data cross.

    A judge whose files a program could reach at tier B starts, and reports that it runs, before the program starts.
    A judge that is not persistent is the test file's own process. Its language ends it where no test can catch the
    error: on a panic in a goroutine, or when all goroutines wait.
    """
    name = f"judge of {language.name}"
    try:
        judge = peer_of(job, name, lambda: halves.judge)
        if not halves.stays:
            judge.receive()
        program = start(job, language, halves.runner)
    except BaseException:
        if not halves.stays:
            dismiss(job, name)
        raise
    reusable = False
    try:
        outcome = _loaded(program)
        if outcome is None:
            judge.send(halves.request)
            outcome, reusable = _relay(judge, program)
        else:
            reusable = halves.stays
    except HelperFailed:
        complaint = language.explain("" if halves.stays else judge.last_words())
        if not complaint.message or _OUT_OF_MEMORY.match(f"{complaint.error_type}: {complaint.message}"):
            raise
        outcome = {"status": "failed", "error_type": complaint.error_type, "message": complaint.message}
    except Ended as ended:
        outcome = _ended(job, language, program, ended)
    except Stop as stop:
        outcome = outcome_of_stop(stop, program.end(), job.limits)
    finally:
        job.count(program.end())
        if not (reusable and halves.stays):
            dismiss(job, name)
    return outcome


def _ended(job: Job, language: Language, program: ChildProcess, ended: Ended) -> Outcome:
    """Return the outcome of a program that is about to end: its channel is closed, its exit status not yet known."""
    try:
        program.wait()
    except Stop as stop:
        return outcome_of_stop(stop, program.end(), job.limits)
    usage = program.end()
    if usage["status"] == 0:
        return outcome_of_stop(ended, usage, job.limits)
    return outcome_of_exit(job, language, usage)


def _loaded(program: ChildProcess) -> Outcome | None:
    """Return what kept the program from loading; None once it is ready."""
    kind, *details = program.receive()
    if kind == "ready":
        return None
    if kind not in ("syntax", "raised") or len(details) != 1:
        raise Misbehaved()
    error = reported_error(details[0])
    if kind == "raised":
        return {"status": "error", **error}
    return {"status": "syntax_error", **error, "reached": False}


def _relay(judge: Peer, program: ChildProcess) -> tuple[Outcome, bool]:
    """Relay calls and data between the test file and the program, until the test file is done.

    The program may call back a function of the test meanwhile, which may call the program in turn. The judge reports
    malformed answers of the program. Return the outcome, and whether the judge can run another test file.
    """
    count = 0
    open_calls: list[int] = []
    while True:
        kind, *details = judge.receive()
        if kind == "verdict":
            return details[0], bool(details[1])
        if kind == "malformed":
            raise Misbehaved()
        if kind == "ask":
            count += 1
            open_calls.append(count)
        program.send([open_calls[-1], *details])
        reply = program.receive()
        if len(reply) != 4 or reply[0] != open_calls[-1] or not isinstance(reply[3], list):
            raise Misbehaved()
        if reply[1] == "call":
            judge.send(reply[1:])
            continue
        open_calls.pop()
        if reply[1] == "ok":
            changes = [change if isinstance(change, list) and change else None for change in reply[3]]
            judge.send(["ok", reply[2], changes])
        elif reply[1] == "raised":
            error = reported_error(reply[2])
            thrown = reply[2].get("thrown") if isinstance(reply[2], dict) else None
            judge.send(["raised", {**error, "type": error["error_type"], "thrown": thrown}, []])
        else:
            raise Misbehaved()
