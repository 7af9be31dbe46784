"""Compiled programs of other languages, alone or split from their test files."""

from __future__ import annotations

from collections.abc import Mapping

from .cell import BUILD_SECONDS
from .command_process import COMPILER, compile_stop
from .job import Job
from .languages.base import Answer, Command, Compiled, Direct, Halves, Language
from .peer import dismiss, peer_of
from .stops import Stop


def run_command(job: Job, language: Language) -> Command:
    """Return the command for the program alone.

    Raise Stop if it does not compile, or not within `BUILD_SECONDS`; HelperFailed if the compiler's process ended.
    """
    program = job.request["program"]
    if isinstance(language, Compiled):
        return language.run_compiled(_compile(job, language, language.request(program)))
    assert isinstance(language, Direct)
    return language.run(program)


def compiled_halves(job: Job, language: Compiled, code: str) -> Halves:
    """Return the program and its test file, split.

    Raise what `run_command` raises; and Stop, as a `sandbox_error`, if they cannot be split.
    """
    request = language.request(job.request["program"], code, job.request["entry_point"])
    return language.halves(_compile(job, language, request))


def _compile(job: Job, language: Compiled, request: Mapping[str, object]) -> Answer:
    name = f"compiler of {language.name}"
    try:
        with job.pump.apart(BUILD_SECONDS, COMPILER):
            peer = peer_of(job, name, language.compiler)
            peer.send(request)
            answer: Answer = peer.receive()
    except BaseException:
        dismiss(job, name)
        raise
    if "errors" in answer:
        raise compile_stop(language.explain(answer["errors"]))
    if "unsupported" in answer:
        reason = language.explain(answer["unsupported"]).message
        raise Stop(f"this test file cannot be run in another process than the program: {reason}")
    return {**answer, "file": peer.file}
