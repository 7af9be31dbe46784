"""Compilation of the program under test."""

from __future__ import annotations

import ast
from types import CodeType

FILE = "<program>"


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


def describe_syntax_error(error: BaseException) -> dict[str, object]:
    line = getattr(error, "lineno", None)
    text = getattr(error, "msg", None) or str(error)
    return {
        "type": type(error).__name__,
        "message": str(text)[:1000],
        "line": line if isinstance(line, int) else None,
    }
