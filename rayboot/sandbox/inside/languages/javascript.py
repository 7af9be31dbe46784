"""JavaScript on Node.js: the program and its test file run in two processes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from typing import ClassVar

from .base import Command, Complaint, source_file

_FLAGS = ("--no-warnings", "--max-old-space-size=512", "--stack-size=3900")
_LIBRARIES = (
    "/usr/share/nodejs",
    "/usr/share/node_modules",
    "/usr/lib/node_modules",
    "/usr/local/lib/node_modules",
)
_ERROR = re.compile(r"^(?:Uncaught )?(\w*(?:Error|Exception))(?: \[\w+\])?: (.*)$", re.MULTILINE)
_LINE = re.compile(r"program\.js:(\d+)")


class JavaScript:
    name = "javascript"
    tools: ClassVar[Mapping[str, str]] = {"node": "nodejs"}

    def missing_libraries(self) -> dict[str, str]:
        there = any(os.path.exists(f"{folder}/lodash") for folder in _LIBRARIES)
        return {} if there else {"the module lodash": "node-lodash"}

    def prepare(self) -> None:
        pass

    def readable(self) -> list[str]:
        return [os.path.realpath(self._node()), *filter(os.path.exists, _LIBRARIES)]

    def run(self, program: str) -> Command:
        return Command(
            (self._node(), *_FLAGS, "program.js"), {"program.js": program}, env=self._environment()
        )

    def runner(self, program: str) -> Command:
        files = {"program.js": program, **self._own("runner.js")}
        return Command(
            (self._node(), *_FLAGS, "runner.js"), files, env=self._environment(), channel="descriptor"
        )

    def judge(self) -> Command:
        return Command(
            (self._node(), *_FLAGS, "judge.js"),
            self._own("judge.js"),
            env=self._environment(),
            channel="descriptor",
        )

    def explain(self, text: str) -> Complaint:
        error, line = _ERROR.search(text), _LINE.search(text)
        number = int(line[1]) if line else None
        if error is None:
            return Complaint(message=text.strip()[-1000:], line=number)
        return Complaint(error[1], error[2][:1000], number)

    def _node(self) -> str:
        return os.path.realpath(shutil.which("node") or "/usr/bin/node")

    def _environment(self) -> dict[str, str]:
        return {"NODE_PATH": ":".join(filter(os.path.exists, _LIBRARIES))}

    def _own(self, main: str) -> dict[str, str]:
        return {name: source_file(name) for name in (main, "plain_data.js")}
