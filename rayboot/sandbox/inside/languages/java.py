"""Java: one process holds the program and its test file; our launcher (files/java/Launcher.java) is its main class.

What a program cannot do: leave with a good verdict by `System.exit` or `Runtime.halt` (an exit status is never a pass);
be believed for an object whose `equals` says yes (files/java/Judge.java compares copies); hide a class that the
test file names (files/java/TestFile.java imports each by its name); define a class of the test file (all are loaded
first); read the secret (it is a local variable: no reflection, and no heap dump, instrumentation, attachment or
`Unsafe`, whose modules are left out). Native code could: mount the work directory `noexec`. A JDK from 24 on refuses to
load it anyway.

Two ways to compile. `run` and `test` start a compiler for each program: simple, and slow (about a second). Else keep a
process of `compiler()`: it answers `request(...)` in milliseconds with the files that `run_compiled` and
`test_compiled` take. A frame, both ways, is 4 bytes (length, big-endian) and JSON in UTF-8. The
answer is {"files": {name below the work directory: base64}} or {"errors": text for `explain`}. Names have folders.

The process needs about 100 MB of data (RLIMIT_DATA) beside its heap, which grows up to `heap_mb`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from . import library
from .base import Command, Complaint

_SOURCES = Path(__file__).parent / "files" / "java"
_MODULES = "java.base,java.logging,java.desktop,java.sql"
_PROGRAM = "Program.java"
_TEST = "Main.java"
_BELIEVING = "return obj1.equals(obj2);"
_JUDGED = "return rayboot.Judge.equal(obj1, obj2);"

_FLAGS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:TieredStopAtLevel=1",  # starts soonest
    "-XX:+UseSerialGC",
    "-XX:CICompilerCount=1",
    "-XX:ReservedCodeCacheSize=32m",
    "-Xms16m",
    "-Xshare:auto",
    "-XX:-UsePerfData",
    "-XX:-UseContainerSupport",  # reads /proc
    "-XX:+DisableAttachMechanism",  # could ask for a heap dump
    "--illegal-native-access=deny",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Dstderr.encoding=UTF-8",
    "-Djava.io.tmpdir=.",
    "-Djava.awt.headless=true",
)

_COMPILE_ERROR = re.compile(r"^(?:(Program|Main)\.java:(\d+): )?error: (.*)", re.M)
_DETAILS = re.compile(r"(?:\n.*)*?\n *\^((?:\n {2}\w.*)*)")  # after the source and the mark below it
_EXCEPTION = re.compile(r'^Exception in thread "[^"]*" ([\w.$]+)(?:: ((?:.|\n)*?))?$(?=\n\tat |\n?\Z)', re.M)
_FRAME = re.compile(r"^\tat .*\(Program\.java:(\d+)\)$", re.M)


class Java:
    """`folder` is for our own compiled classes: `prepare` fills it, cells read it. None: one of the user's."""

    name = "java"
    tools: ClassVar[Mapping[str, str]] = {
        "java": "openjdk-17-jdk-headless",
        "javac": "openjdk-17-jdk-headless",
    }

    def __init__(self, folder: str | None = None, heap_mb: int = 256) -> None:
        self._folder = folder
        self.heap_mb = heap_mb

    @cached_property
    def library(self) -> str:
        return self._folder or library.folder("java", _tool("javac"), _sources())

    def prepare(self) -> None:
        """Compile our own classes, unless that is done.

        Raises:
            subprocess.CalledProcessError: The JDK is not one that they compile with (17 or later).
        """
        library.make(self.library, _compile_ours)

    def missing_libraries(self) -> Mapping[str, str]:
        return {}

    def readable(self) -> list[str]:
        home = _home()
        settings = ("lib/jvm.cfg", "conf/logging.properties", "conf/security/java.security")  # links to /etc
        folders = {os.path.dirname(os.path.realpath(os.path.join(home, name))) for name in settings}
        return [home, self.library, *sorted(folder for folder in folders if not folder.startswith(home))]

    def run(self, program: str) -> Command:
        return self._command(self._launch("run"), {_PROGRAM: program}, (self._compile_once(""),))

    def test(self, program: str, test: str, entry_point: str) -> Command:
        files = {_PROGRAM: program, _TEST: _judged(test)}
        subject = _subject(test, entry_point)
        return self._command(self._launch("test"), files, (self._compile_once(subject),))

    def compiler(self) -> Command:
        """The server of `request`s: reads them on standard input, answers on standard output, until end of file."""
        return self._command((*self._java("-cp", self.library), *self._compile_server()))

    def request(self, program: str, test: str | None = None, entry_point: str = "") -> dict[str, str | None]:
        """What to ask the server for a program, by itself or with its test file."""
        if test is None:
            return {"program": program, "test": None, "subject": None}
        return {"program": program, "test": _judged(test), "subject": _subject(test, entry_point)}

    def run_compiled(self, files: Mapping[str, str]) -> Command:
        """`run`, with the files of the server's answer."""
        return self._command(self._launch("run"), binaries=files)

    def test_compiled(self, files: Mapping[str, str]) -> Command:
        """`test`, with the files of the server's answer."""
        return self._command(self._launch("test"), binaries=files)

    def explain(self, text: str) -> Complaint:
        thrown = _EXCEPTION.search(text)
        if thrown:
            frame = _FRAME.search(text, thrown.end())
            return Complaint(thrown[1], (thrown[2] or "").strip(), int(frame[1]) if frame else None)
        error = _COMPILE_ERROR.search(text)
        if error:
            details = _DETAILS.match(text, error.end())
            lines = [error[3], *(details[1].splitlines() if details else [])]
            message = "; ".join(" ".join(line.split()) for line in lines if line)
            where = "" if error[1] != "Main" else "in the test file: "
            return Complaint(
                "compile error", where + message, int(error[2]) if error[1] == "Program" else None
            )
        return Complaint(message=text.strip())

    def _command(
        self,
        argv: tuple[str, ...],
        files: Mapping[str, str] | None = None,
        builds: tuple[tuple[str, ...], ...] = (),
        binaries: Mapping[str, str] | None = None,
    ) -> Command:
        # java finds its libraries by /proc/self/exe, which a cell does not have
        env = {"LD_LIBRARY_PATH": os.path.join(_home(), "lib")}
        return Command(argv, files or {}, builds, binaries=binaries or {}, env=env)

    def _launch(self, mode: str) -> tuple[str, ...]:
        # On the boot class path, nothing hides the launcher and the judge.
        ours = (f"-Xbootclasspath/a:{self.library}", "-cp", "classes", "--limit-modules", _MODULES)
        return (*self._java(*ours), "rayboot.Launcher", mode)

    def _compile_once(self, subject: str) -> tuple[str, ...]:
        return (*self._java("-cp", self.library), *self._compile_server(), "once", subject)

    def _compile_server(self) -> tuple[str, ...]:
        return ("rayboot.CompileServer", self.library, _MODULES)

    def _java(self, *options: str) -> tuple[str, ...]:
        return (_tool("java"), *_FLAGS, f"-Xmx{self.heap_mb}m", *options)


def _sources() -> list[Path]:
    return sorted(_SOURCES.glob("*.java"))


def _compile_ours(folder: str) -> None:
    command = [_tool("javac"), "-d", folder, *map(str, _sources())]
    subprocess.run(command, check=True, capture_output=True)


def _home() -> str:
    return os.path.dirname(os.path.dirname(_tool("java")))


def _tool(name: str) -> str:
    return os.path.realpath(shutil.which(name) or f"/usr/bin/{name}")


def _judged(test: str) -> str:
    return test.replace(_BELIEVING, _JUDGED)


def _subject(test: str, entry_point: str) -> str:
    """The class whose method the test calls: it may have the name of a class of the JDK."""
    called = re.search(rf"\b(\w+)\.{re.escape(entry_point)}\(", test)
    return called[1] if called else ""
