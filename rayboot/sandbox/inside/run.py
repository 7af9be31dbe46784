"""The run of one job: its tests in order, up to the first that fails."""

from __future__ import annotations

from .candidate_tests import CandidateTests
from .forkserver import ForkServer
from .framing import Message
from .job import Job, Outcome
from .script_test import run_script
from .stdio_test import run_stdio
from .stops import TimedOut, TooMuchMemory


def run_job(server: ForkServer, request: Message, compile_inside: bool = False) -> Outcome:
    """Run a job and return the fields of its verdict.

    `compile_inside` compiles the program in its own process, and not in the fork server. Raise ForkServerDied if the
    fork server has to be replaced, and the job run again.
    """
    job = Job(server, request, compile_inside)
    outcome = _outcome(job)
    if job.starved:
        outcome = {**TooMuchMemory().outcome(), "failing_test": outcome.get("failing_test")}
    fields = {**outcome, **job.usage()}
    return {name: _clean(value) if isinstance(value, str) else value for name, value in fields.items()}


def _clean(text: str) -> str:
    """Replace lone surrogates, which no file can hold, with question marks."""
    return text.encode(errors="replace").decode()


def _outcome(job: Job) -> Outcome:
    candidate = CandidateTests(job)
    try:
        for index, test in enumerate(job.request["tests"]):
            if test["kind"] == "stdio":
                outcome = run_stdio(job, test)
            elif job.request["language"] != "python":
                outcome = run_script(job, test)
            else:
                outcome = candidate.run(index)
            if outcome["status"] != "passed":
                reached = outcome.pop("reached", True)
                return {**outcome, "failing_test": index if reached else None}
        job.pump.finish()
        return {"status": "passed"}
    except TimedOut as late:
        return late.outcome()
    finally:
        candidate.end()
