"""The program under test: how it is compiled and loaded, and how its exceptions are described."""

from __future__ import annotations

import ast
import os
import socket
import sys
from collections.abc import Iterator
from importlib import import_module
from types import CodeType, ModuleType, TracebackType
from typing import Any

from . import framing
from .values import shorten, without_addresses

FILE = "<program>"
MODULE_NAME = "program"


def compile_program(source: str, script: bool) -> CodeType:
    """Compile a program. Raise what `compile` raises.

    A script may end with a top-level `return`, as many of APPS' solutions do: its official harness wraps them in a
    function. A byte order mark at the beginning is not part of the text, as in a file.
    """
    source = source.removeprefix("\ufeff")
    try:
        return compile(source, FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        if not (script and "'return' outside function" in str(error)):
            raise
    tree = _ReturnToExit().visit(ast.parse(source, FILE))
    return compile(ast.fix_missing_locations(tree), FILE, "exec", dont_inherit=True)


class _ReturnToExit(ast.NodeTransformer):
    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        """Evaluate what is returned, as in `return print("NO")`, then discard it."""
        leave = ast.copy_location(ast.Raise(ast.Name("SystemExit", ast.Load()), None), node)
        return [leave] if node.value is None else [ast.copy_location(ast.Expr(node.value), node), leave]

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Keep the program's handlers from taking a `return` for an error."""
        returns = any(isinstance(inner, ast.Return) for part in node.body for inner in ast.walk(part))
        self.generic_visit(node)
        if returns and node.handlers:
            pass_on = ast.ExceptHandler(ast.Name("SystemExit", ast.Load()), None, [ast.Raise()])
            node.handlers.insert(0, ast.copy_location(pass_on, node.handlers[0]))
        return node

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _leave


def load(
    channel: socket.socket, code: CodeType | str, name: str, prelude: str
) -> tuple[CodeType, dict[str, Any]]:
    """Return the compiled program, and the namespace to run it in. Report a syntax error, and exit."""
    module = ModuleType(name)
    module.__file__ = FILE
    sys.modules[name] = module
    sys.argv[:] = ["program.py"]
    if isinstance(code, str):
        try:
            code = compile_program(code, script=name == "__main__")
        except Exception as error:
            framing.send(channel, ["syntax", describe_syntax_error(error)])
            os._exit(1)
    if prelude:
        _provide(prelude, code, module.__dict__)
    return code, module.__dict__


def _provide(prelude: str, code: CodeType, namespace: dict[str, Any]) -> None:
    """Bind those names that the program mentions of the imports that a benchmark's harness puts before each program.

    Skip modules that are not installed. Other names are not imported: that would cost every process time, and much of
    it for modules such as numpy.
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


def describe_syntax_error(error: BaseException) -> dict[str, object]:
    line = getattr(error, "lineno", None)
    text = getattr(error, "msg", None) or str(error)
    return {
        "type": type(error).__name__,
        "message": str(text)[:1000],
        "line": line if isinstance(line, int) else None,
    }


def describe(error: BaseException) -> dict[str, object]:
    """Return an exception as data: name of its class, message, and the program's line that it last came through."""
    try:
        message = str(error)
    except Exception:
        message = ""
    return {
        "type": type(error).__name__,
        "message": shorten(without_addresses(message), 1000),
        "line": _line_of(error.__traceback__),
    }


def _line_of(trace: TracebackType | None) -> int | None:
    """Return the program's line that an exception last came through."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
