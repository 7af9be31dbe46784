"""Commands that run a program of another language, by a warm compiler where the language has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cell import BUILD_SECONDS
from .command_process import COMPILER, compile_stop
from .job import Job
from .languages.base import Command, Compiled, Language, Sealed
from .peer import dismiss, peer_of


def run_command(job: Job, language: Language) -> Command:
    """The program by itself.

    Raises:
        Stop: It does not compile.
    """
    program = job.request["program"]
    if isinstance(language, Compiled):
        return language.run_compiled(_compile(job, language, language.request(program)))
    return language.run(program)


def test_command(job: Job, language: Sealed, code: str) -> Command:
    """The program under a test file.

    Raises:
        Stop: It does not compile.
    """
    program, entry_point = job.request["program"], job.request["entry_point"]
    if isinstance(language, Compiled):
        return language.test_compiled(_compile(job, language, language.request(program, code, entry_point)))
    return language.test(program, code, entry_point)


def _compile(job: Job, language: Compiled, request: Mapping[str, Any]) -> Mapping[str, str]:
    name = f"compiler of {language.name}"
    try:
        with job.pump.apart(BUILD_SECONDS, COMPILER):
            peer = peer_of(job, name, language.compiler, "stdio")
            peer.send(request)
            answer = peer.receive()
    except BaseException:
        dismiss(job, name)
        raise
    if "errors" in answer:
        raise compile_stop(language.explain(answer["errors"]))
    files: Mapping[str, str] = answer["files"]
    return files
