"""Swift: one module of two files: the program, and a main.swift that reads the secret, runs the test, says the secret.

A program's globals are initialised when they are first used, so nothing of it runs before the secret is read. It is a
`private let` of the other file. The test's `assert` becomes `Swift.precondition`: a program's function of that name
does not count, nor does the level of optimisation. `exit(0)` gains nothing: an exit status is never a pass.

What a program could still do: overload an operator, such as `==` for `[Int]`, which the test would then use; extend a
type of the standard library; read memory by unsafe pointers.

In the harness of the benchmark program and test are one file; here a program with statements outside functions
does not compile under a test file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from typing import ClassVar

from .base import Command, Complaint

_SECRET = "private let rayboot_secret = Swift.readLine()!; "
_FINISH = """
Foundation.FileHandle.standardError.write(("\\n" + rayboot_secret + "\\n").data(using: .utf8)!)
"""
_ASSERT = re.compile(r"^([ \t]*)assert\(", re.M)
_IMPORT = re.compile(r"^import[ \t]+\w+", re.M)
_HIDES_MODULE = re.compile(
    r"\b(?:class|struct|enum|actor|protocol|typealias|let|var|func|case)\s+`?(Swift|Foundation)`?\b"
)
_NO_MODULE = '\n#error("{} is the name of a module that the test file needs")\n'

_COMPILE_ERROR = re.compile(r"^(?:\S*/)?(?:(program|main)\.swift:(\d+):\d+: |<unknown>:0: )error: (.*)", re.M)
_FATAL = re.compile(
    r"^(?:\S*?(\w+)\.swift:(\d+): )?(Fatal error|Precondition failed|Assertion failed)(?:: (.*))?$", re.M
)
_FRAME = re.compile(r" at \S*\bprogram\.swift:(\d+)")


class Swift:
    """Needs no preparation. Not tried: written without a toolchain at hand."""

    name = "swift"
    tools: ClassVar[Mapping[str, str]] = {"swiftc": "swiftlang"}

    def missing_libraries(self) -> Mapping[str, str]:
        return {}

    def prepare(self) -> None:
        pass

    def readable(self) -> list[str]:
        """The toolchain, which may be a folder of its own such as /opt/swift, or lie among the system's."""
        return [os.path.dirname(os.path.dirname(_swiftc()))]

    def run(self, program: str) -> Command:
        # With -parse-as-library absent and one file, its statements are the main program, whatever its name.
        return Command(("./program",), {"program.swift": program}, (_compile("program.swift"),))

    def test(self, program: str, test: str, entry_point: str) -> Command:
        files = {"program.swift": _guarded(program), "main.swift": _main(program, test)}
        return Command(("./program",), files, (_compile("program.swift", "main.swift"),))

    def explain(self, text: str) -> Complaint:
        error = _COMPILE_ERROR.search(text)
        if error:
            where = "in the test file: " if error[1] == "main" else ""
            return Complaint(
                "compile error", where + error[3], int(error[2]) if error[1] == "program" else None
            )
        fatal = _FATAL.search(text)
        if fatal:
            in_program = _FRAME.search(text)
            line = fatal[2] if fatal[1] == "program" else in_program[1] if in_program else None
            return Complaint(fatal[3], fatal[4] or "", int(line) if line else None)
        return Complaint(message=text.strip())


def _swiftc() -> str:
    return os.path.realpath(shutil.which("swiftc") or "/usr/bin/swiftc")


def _compile(*sources: str) -> tuple[str, ...]:
    return (
        _swiftc(),
        "-Onone",
        "-suppress-warnings",
        "-module-cache-path",
        "modules",
        "-o",
        "program",
        *sources,
    )


def _guarded(program: str) -> str:
    hidden = _HIDES_MODULE.search(program)
    return program + _NO_MODULE.format(hidden[1]) if hidden else program


def _main(program: str, test: str) -> str:
    """The test has the program's imports, and all of the head in one line, so that its lines keep their numbers."""
    imports = dict.fromkeys(["import Foundation", *_IMPORT.findall(program)])
    return "; ".join(imports) + "; " + _SECRET + _ASSERT.sub(r"\1Swift.precondition(", test) + _FINISH
