"""What the sandbox needs to know of a language other than Python, and what its programs can be asked.

A test by *standard input* runs a command and compares what it prints. A *test file* (MBXP) is split from the program:
they run in two processes, and calls and plain data cross (`Split`, `Compiled`). A language that is neither has no test
files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

Channel = Literal["none", "descriptor", "stdin"]
"""Where a command finds the supervisor's channel: nowhere, on descriptor 3, or as standard input, which it may also
write to."""
Answer = Mapping[str, Any]
"""What a persistent compiler answers: JSON, in a form of its own for each language."""
ROOT = f"/var/tmp/rayboot-{os.getuid()}"
"""Holds the sandbox's own compiled files, made at first use and read by every cell. One per user. Not below /tmp, which
is another directory inside a cell."""
_FILES = Path(__file__).parent / "files"


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
    request: Mapping[str, object]
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


class Language(ABC):
    """A language: one object, in its own file."""

    name: ClassVar[str]
    tools: ClassVar[Mapping[str, str]]
    """Name of each required executable, and the Debian package that contains it."""

    def missing_libraries(self) -> Mapping[str, str]:
        """Return libraries that test files use and this machine lacks, and the Debian package of each."""
        return {}

    def prepare(self) -> None:  # noqa: B027  (most languages need none)
        """Make the files of our own that its commands read, unless they exist. Runs outside a cell."""

    @abstractmethod
    def readable(self) -> list[str]:
        """Return the files and directories, beside the system's libraries, that its commands read."""

    @abstractmethod
    def explain(self, text: str) -> Complaint:
        """Extract an error from the output of the compiler or of the program's run-time."""


class Direct(Language):
    """A language whose programs need no persistent compiler."""

    @abstractmethod
    def run(self, program: str) -> Command:
        """Return the command for the program alone, as for a test by standard input."""


class Split(Direct):
    """A language whose test files a persistent judge runs unchanged."""

    @abstractmethod
    def runner(self, program: str) -> Command:
        """Return a command that loads the program, then answers calls."""

    @abstractmethod
    def judge(self) -> Command:
        """Return the command of a persistent judge, which runs many test files."""


class Compiled(Language):
    """A language whose compiler is too slow to be started for every program.

    Args:
        library: Folder of the sandbox's own compiled files: `prepare` fills it, cells read it. None for one below
            `ROOT`, which is another one if the sources or the tool change.
    """

    def __init__(self, library: str | None = None) -> None:
        if library is not None:
            self.library = library

    @property
    def sources(self) -> list[Path]:
        """The sandbox's own source files in this language."""
        return sorted((_FILES / self.name).glob(f"*.{self.name}"))

    @cached_property
    def library(self) -> str:
        digest = hashlib.sha256(self.tool().encode())
        for source in self.sources:
            digest.update(source.read_bytes())
        return os.path.join(ROOT, f"{self.name}-{digest.hexdigest()[:16]}")

    def prepare(self) -> None:
        """Fill the library's folder atomically, unless it exists.

        Raise CalledProcessError if the toolchain is too old or incomplete.
        """
        if os.path.exists(self.library):
            return
        aside = f"{self.library}.{os.getpid()}"
        os.makedirs(aside)
        try:
            self.compile_sources(aside)
            os.rename(aside, self.library)
        except OSError:
            if not os.path.exists(self.library):  # another process was faster
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    @abstractmethod
    def tool(self) -> str:
        """Return the real path of the compiler."""

    @abstractmethod
    def compile_sources(self, folder: str) -> None:
        """Compile the sandbox's own sources into a folder."""

    @abstractmethod
    def compiler(self) -> Command:
        """Return the command of the persistent compiler, which answers requests.

        It answers with `{"errors": text}` for `explain`, with `{"unsupported": text}` if the program and its test file
        cannot be split, or with what `run_compiled` and `halves` take, to which its `file` is added.
        """

    @abstractmethod
    def request(self, program: str, test: str | None = None, entry_point: str = "") -> Mapping[str, object]:
        """Return the request to compile a program, alone or with its test file."""

    @abstractmethod
    def run_compiled(self, answer: Answer) -> Command:
        """Return the command for the program alone."""

    @abstractmethod
    def halves(self, answer: Answer) -> Halves:
        """Return the program and its test file, split."""


def open_root() -> None:
    """Make `ROOT`, since a fork server's cells get access to it before it has to contain anything.

    Raise OSError if another user has a file or folder of that name.
    """
    os.makedirs(ROOT, mode=0o755, exist_ok=True)
    if os.stat(ROOT, follow_symlinks=False).st_uid != os.getuid():
        raise PermissionError(f"{ROOT} belongs to another user; remove it")


def tool_path(name: str) -> str:
    """Return the real path of an executable: cells see no links to it."""
    return os.path.realpath(shutil.which(name) or f"/usr/bin/{name}")


@lru_cache
def source_file(name: str) -> str:
    """Return one of the sandbox's own source files in another language."""
    return (_FILES / name).read_text()
