"""Swift: programs by standard input. Written without a toolchain at hand, and never run.

A test file is refused: it would have to share a process with the program, which can overload the operators that the
test uses, and read and write memory by unsafe pointers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import ClassVar

from .base import Command, Complaint, Direct, tool_path

_COMPILE_ERROR = re.compile(r"^(?:\S*/)?(?:program\.swift:(\d+):\d+: |<unknown>:0: )error: (.*)", re.M)
_FATAL = re.compile(
    r"^(?:\S*?(\w+)\.swift:(\d+): )?(Fatal error|Precondition failed|Assertion failed)(?:: (.*))?$", re.M
)
_FRAME = re.compile(r" at \S*\bprogram\.swift:(\d+)")


class Swift(Direct):
    name = "swift"
    tools: ClassVar[Mapping[str, str]] = {"swiftc": "swiftlang"}

    def readable(self) -> list[str]:
        """Return the toolchain's folder, which may be its own, such as /opt/swift, or one of the system's."""
        return [os.path.dirname(os.path.dirname(tool_path("swiftc")))]

    def run(self, program: str) -> Command:
        # Without -parse-as-library the statements of a single file are the main program, whatever the file's name.
        options = ("-Onone", "-suppress-warnings", "-module-cache-path", "modules", "-o", "program")
        build = (tool_path("swiftc"), *options, "program.swift")
        return Command(("./program",), {"program.swift": program}, (build,))

    def explain(self, text: str) -> Complaint:
        error = _COMPILE_ERROR.search(text)
        if error:
            return Complaint("compile error", error[2], int(error[1]) if error[1] else None)
        fatal = _FATAL.search(text)
        if fatal:
            in_program = _FRAME.search(text)
            line = fatal[2] if fatal[1] == "program" else in_program[1] if in_program else None
            return Complaint(fatal[3], fatal[4] or "", int(line) if line else None)
        return Complaint(message=text.strip())
