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
_OPENSSL = ("/etc/ssl/openssl.cnf", "/usr/local/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf")
"""Node reads one of these when it starts, and exits at once if the file exists and is not readable."""
_ERROR = re.compile(r"^(?:Uncaught )?(\w*(?:Error|Exception))(?: \[\w+\])?: (.*)$", re.MULTILINE)
_UNREADABLE = re.compile(r"^SyntaxError: .*\n\s+at .*\(node:internal/(?:modules|vm)", re.MULTILINE)
"""The error was found by Node's own loader, and not by code of the program."""
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
        return [os.path.realpath(self._node()), *filter(os.path.exists, (*_LIBRARIES, *_OPENSSL))]

    def run(self, program: str) -> Command:
        argv = (self._node(), *_FLAGS, "--require", "./stdio.js", "program.js")
        files = {"program.js": program, "stdio.js": source_file("stdio.js")}
        return Command(argv, files, env=self._environment())

    def runner(self, program: str) -> Command:
        files = {"program.js": program, **self._own("runner.js", "stdio.js")}
        return self._talking("runner.js", files)

    def judge(self) -> Command:
        return self._talking("judge.js", self._own("judge.js", "realm.js"))

    def explain(self, text: str) -> Complaint:
        error, line = _ERROR.search(text), _LINE.search(text)
        number = int(line[1]) if line else None
        if error is None:
            return Complaint(message=text.strip()[-1000:], line=number)
        return Complaint(error[1], error[2][:1000], number, compiles=not _UNREADABLE.search(text))

    def _talking(self, main: str, files: Mapping[str, str]) -> Command:
        argv = (self._node(), *_FLAGS, main)
        return Command(argv, files, env=self._environment(), channel="descriptor")

    def _node(self) -> str:
        return os.path.realpath(shutil.which("node") or "/usr/bin/node")

    def _environment(self) -> dict[str, str]:
        return {
            "NODE_PATH": ":".join(filter(os.path.exists, _LIBRARIES)),
            "OPENSSL_CONF": os.devnull,  # the machine's own may include files that are not readable
        }

    def _own(self, *names: str) -> dict[str, str]:
        return {name: source_file(name) for name in (*names, "frames.js", "plain_data.js")}
