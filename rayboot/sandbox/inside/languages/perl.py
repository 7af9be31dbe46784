"""Perl: the program and its test file run in two processes."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from typing import ClassVar

from .base import Command, Complaint, Split, source_file, tool_path

_LIBRARIES = ("/usr/share/perl", "/usr/share/perl5", "/usr/local/share/perl", "/etc/perl")
_MODULES = ("/usr/share/perl5", *glob.glob("/usr/local/share/perl/*"))
_UNREADABLE = re.compile(
    r"^(?:Execution of )?program\.pl (?:aborted due to compilation errors|had too many errors)"
    r"|^Can't find string terminator .* anywhere before EOF at program\.pl",
    re.MULTILINE,
)
_ERROR = re.compile(r"^(.*?) at program\.pl line (\d+)", re.MULTILINE)


class Perl(Split):
    name = "perl"
    tools: ClassVar[Mapping[str, str]] = {"perl": "perl"}

    def missing_libraries(self) -> dict[str, str]:
        there = any(os.path.exists(f"{folder}/Data/Compare.pm") for folder in _MODULES)
        return {} if there else {"the module Data::Compare": "libdata-compare-perl"}

    def readable(self) -> list[str]:
        return [tool_path("perl"), *filter(os.path.exists, _LIBRARIES)]

    def run(self, program: str) -> Command:
        return Command((tool_path("perl"), "program.pl"), {"program.pl": program})

    def runner(self, program: str) -> Command:
        return _talking("runner.pl", {"program.pl": program})

    def judge(self) -> Command:
        return _talking("judge.pl", {})

    def explain(self, text: str) -> Complaint:
        error = _ERROR.search(text)
        if error is None:
            return Complaint("die" if text.strip() else "", text.strip()[-1000:])
        return Complaint("die", error[1][:1000], int(error[2]), compiles=not _UNREADABLE.search(text))


def _talking(main: str, files: Mapping[str, str]) -> Command:
    own = {name: source_file(name) for name in (main, "plain_data.pm")}
    return Command((tool_path("perl"), main), {**files, **own}, channel="descriptor")
