"""The languages that the sandbox runs beside Python; a file each."""

from __future__ import annotations

import shutil

from .base import Language
from .javascript import JavaScript
from .perl import Perl

LANGUAGES: dict[str, Language] = {language.name: language for language in (JavaScript(), Perl())}


def missing(language: Language) -> dict[str, str]:
    """Executables of a language that this machine lacks, and the Debian package of each."""
    return {tool: package for tool, package in language.tools.items() if shutil.which(tool) is None}
