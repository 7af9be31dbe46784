"""The languages that the sandbox runs beside Python, one file each."""

from __future__ import annotations

import shutil

from . import base
from .base import Language
from .go import Go
from .java import Java
from .javascript import JavaScript
from .perl import Perl
from .swift import Swift

LANGUAGES: dict[str, Language] = {
    language.name: language for language in (JavaScript(), Perl(), Java(), Go(), Swift())
}


def readable_of_languages() -> list[str]:
    """Return the paths that the commands of the installed languages read."""
    paths = [base.ROOT]
    for language in LANGUAGES.values():
        if not missing(language):
            paths += language.readable()
    return paths


def missing(language: Language) -> dict[str, str]:
    """Return executables and libraries that a language needs and this machine lacks, and the Debian package of each."""
    tools = {tool: package for tool, package in language.tools.items() if shutil.which(tool) is None}
    return {**tools, **language.missing_libraries()}
