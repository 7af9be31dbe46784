"""Expressions whose value is known in advance: constants of plain data, and arithmetic and conversions of them."""

from __future__ import annotations

import ast
from typing import Any

TEST_FILE = "<test>"
_CONVERSIONS = {
    kind.__name__: kind
    for kind in (set, frozenset, tuple, list, dict, range, float, int, str, bytes, complex)
}
_NODES = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.Name),
    *(ast.operator, ast.unaryop, ast.Load),
)


class NotSimple(Exception):
    """A test, or a part of one, cannot be taken apart: a judge has to run it."""


def is_literal(node: ast.expr) -> bool:
    """Return whether the expression is a constant of plain data. Arithmetic, `set()` and the like are included."""
    called = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            if not isinstance(child.func, ast.Name) or child.keywords or child.func.id not in _CONVERSIONS:
                return False
            called.add(child.func)
        elif not isinstance(child, _NODES) or (isinstance(child, ast.Name) and child not in called):
            return False
    return True


def literal_value(node: ast.expr) -> Any:
    """Return the value of a literal.

    Raises:
        NotSimple: Evaluating it raises.
    """
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    code = compile(ast.fix_missing_locations(ast.Expression(node)), TEST_FILE, "eval", dont_inherit=True)
    try:
        return eval(code, {"__builtins__": {}, **_CONVERSIONS})
    except Exception as error:
        raise NotSimple from error
