"""Imports that a benchmark's harness puts before each program, so that programs may leave them out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from types import CodeType
from typing import Any


def provide(prelude: str, code: CodeType, namespace: dict[str, Any]) -> None:
    """Bind those names of the prelude that the program mentions. Skip modules that are not installed.

    Other names are not imported: that would cost every process time, and much of it for modules such as numpy.
    """
    mentioned = set(_names(code))
    for statement in ast.parse(prelude).body:
        module = statement.module if isinstance(statement, ast.ImportFrom) else None
        for alias in statement.names if isinstance(statement, ast.Import | ast.ImportFrom) else ():
            name = alias.asname or alias.name
            if name in mentioned:
                try:
                    value = import_module(module or alias.name)
                except ImportError:
                    continue
                namespace[name] = getattr(value, alias.name) if module else value


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that a program reads, except its functions' local variables."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
