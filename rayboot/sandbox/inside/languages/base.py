"""What the sandbox must know of a language other than Python, and what its programs may be asked.

A test by *standard input* runs a command and compares what it prints. A *test file* (MBXP) is split from the
program: they run in two processes; calls and plain data cross (`Split`, `Compiled`). What is neither has no test files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, ClassVar, Literal, Protocol, runtime_checkable

Channel = Literal["none", "descriptor", "stdin"]
"""Where a command finds the supervisor's channel: nowhere, on descriptor 3, or as standard input, open both ways."""


@dataclass(frozen=True)
class Command:
    """Something to run in a cell, in its work directory."""

    argv: tuple[str, ...]
    """The first is an absolute path, or `./NAME` for what the builds have made."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Text files by name, below the work directory, written first."""
    builds: tuple[tuple[str, ...], ...] = ()
    """Commands that run before, one after the other. When one fails, the program does not compile."""
    binaries: Mapping[str, str] = field(default_factory=dict)
    """As `files`: bytes, in base 64."""
    file: IO[bytes] | None = None
    """What a compiler that stays writes to, as descriptor 4, and what is made of its parts is read from."""
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """As `files`: bytes of `file`, from where and how many."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Beside PATH, HOME (the work directory) and LANG."""
    channel: Channel = "none"


@dataclass(frozen=True)
class Halves:
    """A program and its test file, for two processes."""

    runner: Command
    """Loads the program and says so, then answers calls."""
    judge: Command
    request: Mapping[str, Any]
    """What the judge gets of the test file."""
    stays: bool = True
    """Whether the judge takes further test files. Else it says when it runs."""


@dataclass(frozen=True)
class Complaint:
    """What a compiler or a run-time says of a program, cleaned: no paths of the sandbox, no frames of its own."""

    error_type: str = ""
    message: str = ""
    line: int | None = None
    """1-based line of the program."""
    compiles: bool = True
    """False where the run-time could not even read the program."""


class Language(Protocol):
    """One object a language, in a file of its own."""

    name: str
    tools: ClassVar[Mapping[str, str]]
    """Name of each executable that is needed, and the Debian package that has it."""

    def missing_libraries(self) -> Mapping[str, str]:
        """Libraries that test files use and this machine lacks, and the Debian package of each."""

    def prepare(self) -> None:
        """Make what its commands read besides (`library.py`), unless it is there. Outside a cell."""

    def readable(self) -> list[str]:
        """Files and directories, beside the system's libraries, that its commands read."""

    def explain(self, text: str) -> Complaint:
        """Read an error out of what the compiler, or the program's run-time, has printed."""


@runtime_checkable
class Direct(Language, Protocol):
    """A language whose programs need no compiler that stays."""

    def run(self, program: str) -> Command:
        """The program by itself, as for a test by standard input."""


@runtime_checkable
class Compiled(Language, Protocol):
    """A language whose compiler is too slow to be started for every program."""

    def compiler(self) -> Command:
        """Answers requests: with `{"errors": text}` for `explain`, with `{"unsupported": text}` where the program and
        its test file cannot be split, or with what `run_compiled` and `halves` take, to which its `file` is added.
        """

    def request(self, program: str, test: str | None = None, entry_point: str = "") -> Mapping[str, Any]:
        """What to ask it for a program, by itself or with its test file."""

    def run_compiled(self, answer: Mapping[str, Any]) -> Command:
        """The program by itself."""

    def halves(self, answer: Mapping[str, Any]) -> Halves:
        """The program and its test file."""


@runtime_checkable
class Split(Direct, Protocol):
    """A language whose test files are run by a judge that stays, as they stand."""

    def runner(self, program: str) -> Command:
        """Loads the program, then answers calls."""

    def judge(self) -> Command:
        """Stays for many test files."""


@lru_cache
def source_file(name: str) -> str:
    """One of the sandbox's own source files in the language."""
    return (Path(__file__).parent / "files" / name).read_text()
