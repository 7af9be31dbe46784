"""What the sandbox needs to know of a language other than Python, and what its programs can be asked.

A test by *standard input* runs a command and compares what it prints. A *test file* (MBXP) is split from the program:
they run in two processes, and calls and plain data cross (`Split`, `Compiled`). A language that is neither has no test
files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, ClassVar, Literal, Protocol, runtime_checkable

Channel = Literal["none", "descriptor", "stdin"]
"""Where a command finds the supervisor's channel: nowhere, on descriptor 3, or as standard input, which it may also
write to."""


@dataclass(frozen=True)
class Command:
    """A command to run in a cell, in its work directory."""

    argv: tuple[str, ...]
    """The first is an absolute path, or `./NAME` for a file of the work directory, such as the output of the builds."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Text files by name, below the work directory. They are written first."""
    builds: tuple[tuple[str, ...], ...] = ()
    """Commands that run before, one after the other. If one fails, the program does not compile."""
    binaries: Mapping[str, str] = field(default_factory=dict)
    """As `files`, for bytes in base64."""
    file: IO[bytes] | None = None
    """File to which a persistent compiler writes, as descriptor 4, and from which `parts` are read."""
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """As `files`, for bytes of `file`: their offset and number."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables beside PATH, LANG, and HOME and TMPDIR (the work directory)."""
    channel: Channel = "none"


@dataclass(frozen=True)
class Halves:
    """A program and its test file, for two processes."""

    runner: Command
    """Loads the program and reports it, then answers calls."""
    judge: Command
    request: Mapping[str, Any]
    """The message that gives the judge the test file."""
    stays: bool = True
    """Whether the judge is persistent and takes further test files. If not, it reports that it runs."""


@dataclass(frozen=True)
class Complaint:
    """An error message of a compiler or a run-time about a program, without paths and frames of the sandbox."""

    error_type: str = ""
    message: str = ""
    line: int | None = None
    """1-based line of the program."""
    compiles: bool = True
    """False if the run-time could not even parse the program."""


class Language(Protocol):
    """A language: one object, in its own file."""

    name: str
    tools: ClassVar[Mapping[str, str]]
    """Name of each required executable, and the Debian package that contains it."""

    def missing_libraries(self) -> Mapping[str, str]:
        """Return libraries that test files use and this machine lacks, and the Debian package of each."""

    def prepare(self) -> None:
        """Make the files of our own that its commands read (`library.py`), unless they exist. Runs outside a cell."""

    def readable(self) -> list[str]:
        """Return the files and directories, beside the system's libraries, that its commands read."""

    def explain(self, text: str) -> Complaint:
        """Extract an error from the output of the compiler or of the program's run-time."""


@runtime_checkable
class Direct(Language, Protocol):
    """A language whose programs need no persistent compiler."""

    def run(self, program: str) -> Command:
        """Return the command for the program alone, as for a test by standard input."""


@runtime_checkable
class Compiled(Language, Protocol):
    """A language whose compiler is too slow to be started for every program."""

    def compiler(self) -> Command:
        """Return the command of the persistent compiler, which answers requests.

        It answers with `{"errors": text}` for `explain`, with `{"unsupported": text}` if the program and its test file
        cannot be split, or with what `run_compiled` and `halves` take, to which its `file` is added.
        """

    def request(self, program: str, test: str | None = None, entry_point: str = "") -> Mapping[str, Any]:
        """Return the request to compile a program, alone or with its test file."""

    def run_compiled(self, answer: Mapping[str, Any]) -> Command:
        """Return the command for the program alone."""

    def halves(self, answer: Mapping[str, Any]) -> Halves:
        """Return the program and its test file, split."""


@runtime_checkable
class Split(Direct, Protocol):
    """A language whose test files a persistent judge runs unchanged."""

    def runner(self, program: str) -> Command:
        """Return a command that loads the program, then answers calls."""

    def judge(self) -> Command:
        """Return the command of a persistent judge, which runs many test files."""


@lru_cache
def source_file(name: str) -> str:
    """Return one of the sandbox's own source files in another language."""
    return (Path(__file__).parent / "files" / name).read_text()
