"""JavaScript on Node.js: the program and its test file run in two processes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import ClassVar

from .base import Channel, Command, Complaint, Split, source_file, tool_path

_FLAGS = ("--no-warnings", "--max-old-space-size=512", "--stack-size=3900")
_SHARED = ("frames.js", "plain_data.js")
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


class JavaScript(Split):
    name = "javascript"
    tools: ClassVar[Mapping[str, str]] = {"node": "nodejs"}

    def missing_libraries(self) -> dict[str, str]:
        there = any(os.path.exists(f"{folder}/lodash") for folder in _LIBRARIES)
        return {} if there else {"the module lodash": "node-lodash"}

    def readable(self) -> list[str]:
        return [tool_path("node"), *filter(os.path.exists, (*_LIBRARIES, *_OPENSSL))]

    def run(self, program: str) -> Command:
        return _node(
            "--require", "./stdio.js", "program.js", files={"program.js": program, **_own("stdio.js")}
        )

    def runner(self, program: str) -> Command:
        files = {"program.js": program, **_own("runner.js", "stdio.js", *_SHARED)}
        return _node("runner.js", files=files, channel="descriptor")

    def judge(self) -> Command:
        return _node("judge.js", files=_own("judge.js", "realm.js", *_SHARED), channel="descriptor")

    def explain(self, text: str) -> Complaint:
        error, line = _ERROR.search(text), _LINE.search(text)
        number = int(line[1]) if line else None
        if error is None:
            return Complaint(message=text.strip()[-1000:], line=number)
        return Complaint(error[1], error[2][:1000], number, compiles=not _UNREADABLE.search(text))


def _node(*arguments: str, files: Mapping[str, str], channel: Channel = "none") -> Command:
    env = {
        "NODE_PATH": ":".join(filter(os.path.exists, _LIBRARIES)),
        "OPENSSL_CONF": os.devnull,  # the machine's own may include files that are not readable
    }
    return Command((tool_path("node"), *_FLAGS, *arguments), files, env=env, channel=channel)


def _own(*names: str) -> dict[str, str]:
    return {name: source_file(name) for name in names}
