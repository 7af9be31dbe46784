"""What the sandbox must know of a language other than Python, and what its programs may be asked.

A test by *standard input* runs a command and compares what it prints. A *test file* (MBXP) is run in one of two ways:

- split: the program and the test file run in two processes; calls and plain data cross (`Split`).
- sealed: one process, whose main program is the sandbox's own. It reads a secret from standard input before any code
  of the program has run, runs the test file, and then prints the secret as the last line of standard error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable


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
    env: Mapping[str, str] = field(default_factory=dict)
    """Beside PATH, HOME (the work directory) and LANG."""


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

    def run(self, program: str) -> Command:
        """The program by itself, as for a test by standard input."""

    def explain(self, text: str) -> Complaint:
        """Read an error out of what the compiler, or the program's run-time, has printed."""


@runtime_checkable
class Sealed(Language, Protocol):
    """A language whose programs share a process with their test file."""

    def test(self, program: str, test: str, entry_point: str) -> Command:
        """The program under its test file."""


@runtime_checkable
class Compiled(Sealed, Protocol):
    """A sealed language whose compiler is too slow to be started for every program."""

    def compiler(self) -> Command:
        """Answers requests on standard input and output: `{"files": {name: base64}}` or `{"errors": text}`."""

    def request(
        self, program: str, test: str | None = None, entry_point: str = ""
    ) -> Mapping[str, str | None]:
        """What to ask it for a program, by itself or with its test file."""

    def run_compiled(self, files: Mapping[str, str]) -> Command:
        """`run`, with the files of the answer."""

    def test_compiled(self, files: Mapping[str, str]) -> Command:
        """`test`, with the files of the answer."""


@runtime_checkable
class Split(Language, Protocol):
    """A language whose programs answer calls from a test file in another process."""

    def runner(self, program: str) -> Command:
        """Loads the program, then answers calls on descriptor 3."""

    def judge(self) -> Command:
        """Stays for many test files, which come on descriptor 3."""


@lru_cache
def source_file(name: str) -> str:
    """One of the sandbox's own source files in the language."""
    return (Path(__file__).parent / "files" / name).read_text()
