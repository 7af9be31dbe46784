"""Java: program and test file run in two processes, with stand-ins for the program's classes in the test file's.

A persistent process compiles the program, stand-ins for its classes (files/java/Stubs.java), and the test file against
these. Another persistent process (Judge.java) runs the test files, each with its own classes. The program's process
(Runner.java) contains nothing but the program. Calls cross, with plain data (Values.java).

A process needs about 100 MB of data (RLIMIT_DATA) beside its heap, which grows up to `_HEAP_MB`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from typing import ClassVar

from .base import Answer, Channel, Command, Compiled, Complaint, Halves, tool_path

_MODULES = "java.base,java.logging,java.desktop,java.sql"
_HEAP_MB = 256
_FLAGS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:TieredStopAtLevel=1",  # fastest start
    "-XX:+UseSerialGC",
    "-XX:CICompilerCount=1",
    "-XX:ReservedCodeCacheSize=32m",
    "-Xms16m",
    "-Xshare:auto",
    "-XX:-UsePerfData",
    "-XX:-UseContainerSupport",  # reads /proc
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Dstderr.encoding=UTF-8",
    "-Djava.io.tmpdir=.",
    "-Djava.awt.headless=true",
    f"-Xmx{_HEAP_MB}m",
)

_COMPILE_ERROR = re.compile(r"^(?:(\w+)\.java:(\d+): )?error: (.*)", re.M)
_DETAILS = re.compile(r"(?:\n.*)*?\n *\^((?:\n {2}\w.*)*)")  # after the source line and the caret below it
_EXCEPTION = re.compile(r'^Exception in thread "[^"]*" ([\w.$]+)(?:: ((?:.|\n)*?))?$(?=\n\tat |\n?\Z)', re.M)
_FRAME = re.compile(r"^\tat .*\(Program\.java:(\d+)\)$", re.M)


class Java(Compiled):
    name = "java"
    tools: ClassVar[Mapping[str, str]] = {
        "java": "openjdk-17-jdk-headless",
        "javac": "openjdk-17-jdk-headless",
    }

    def readable(self) -> list[str]:
        home = _home()
        settings = ("lib/jvm.cfg", "conf/logging.properties", "conf/security/java.security")  # links to /etc
        folders = {os.path.dirname(os.path.realpath(os.path.join(home, name))) for name in settings}
        return [home, self.library, *sorted(folder for folder in folders if not folder.startswith(home))]

    def tool(self) -> str:
        return tool_path("javac")

    def compile_sources(self, folder: str) -> None:
        command = [self.tool(), "-d", folder, *map(str, self.sources)]
        subprocess.run(command, check=True, capture_output=True)

    def compiler(self) -> Command:
        return self._command("CompileServer", self.library, _MODULES, channel="stdin")

    def request(self, program: str, test: str | None = None, entry_point: str = "") -> dict[str, str | None]:
        return {"program": program, "test": test, "subject": _subject(test or "", entry_point)}

    def run_compiled(self, answer: Answer) -> Command:
        return self._command("Launcher", "run", answer["main"], binaries=answer["program"])

    def halves(self, answer: Answer) -> Halves:
        runner = self._command("Launcher", "serve", binaries=answer["program"], channel="stdin")
        return Halves(runner, self._command("Judge", channel="stdin"), answer["judge"])

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
        main: str,
        *arguments: str,
        binaries: Mapping[str, str] | None = None,
        channel: Channel = "none",
    ) -> Command:
        # Only the program's own process may look for classes in the work directory, which is shared at tier B.
        path = f"{self.library}:classes" if main == "Launcher" else self.library
        # java finds its libraries by /proc/self/exe, which a cell does not have.
        env = {"LD_LIBRARY_PATH": os.path.join(_home(), "lib")}
        argv = (tool_path("java"), *_FLAGS, "-cp", path, f"rayboot.{main}", *arguments)
        return Command(argv, binaries=binaries or {}, env=env, channel=channel)


def _home() -> str:
    return os.path.dirname(os.path.dirname(tool_path("java")))


def _subject(test: str, entry_point: str) -> str:
    """Return the class whose method the test calls: it may have the name of a class of the JDK."""
    called = re.search(rf"\b(\w+)\.{re.escape(entry_point)}\(", test)
    return called[1] if called else ""
