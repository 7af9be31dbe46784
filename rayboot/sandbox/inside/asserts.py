"""Tests of the form `assert f(1, 2) == 3`, taken apart: what to ask the program, and how to judge its answer.

The program is asked for the value of `f(1, 2)` and never sees the 3. A judge runs a test that cannot be taken apart in
this way (`judge.py`).
"""

from __future__ import annotations

import ast
import base64
import builtins
import marshal
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from .literals import TEST_FILE, NotSimple, is_literal, literal_value

_WRAPPERS = {
    "sorted",
    "set",
    "list",
    "tuple",
    "dict",
    "frozenset",
    "len",
    "sum",
    "str",
    "max",
    "min",
    "round",
}
_WRAPPERS |= {"int", "float", "bool"}
_COMPARING = {"allclose", "array_equal", "assert_allclose"}
_BUILTINS = set(dir(builtins))
_MIRRORED = {
    "Eq": "Eq",
    "NotEq": "NotEq",
    "Is": "Is",
    "IsNot": "IsNot",
    "Lt": "Gt",
    "LtE": "GtE",
    "Gt": "Lt",
    "GtE": "LtE",
}


@dataclass(frozen=True)
class Question:
    """One value to ask the program for, and what makes it right."""

    source: str
    """Such as `f(1, 2)`."""
    code: str
    """The same, compiled: marshalled, in base64."""
    names: frozenset[str]
    form: Literal["compare", "truth", "near"]
    """`compare`: value OP operand; `truth`: bool(value) is operand; `near`: abs(value - centre) OP operand."""
    op: str = "Eq"
    operand: Any = True
    centre: Any = 0
    message: str = ""
    """The assert's own message, if it is a literal."""

    @property
    def builtins_alone(self) -> bool:
        """Whether it reaches the program only if that has a function with a builtin's name, such as `sum(1, 2)`."""
        return self.names <= _BUILTINS - {"eval"}


@dataclass(frozen=True)
class Analysis:
    """A test after analysis: its questions, or None if it cannot be taken apart and needs the judge."""

    questions: tuple[Question, ...] | None
    binds: frozenset[str] = frozenset()
    """Names that the test's statements bind; later tests may use them."""
    uses: frozenset[str] = frozenset()
    imports: tuple[tuple[str, str], ...] = ()
    """Names that the test's imports from the standard library bind, for the program too; and the import statements."""


@lru_cache(maxsize=4096)
def analyse(code: str, entry_point: str) -> Analysis:
    """Take a test apart.

    Raises:
        SyntaxError: The test itself is not Python.
    """
    tree = ast.parse(code, TEST_FILE)
    binds, uses = names_in(tree)
    try:
        questions = tuple(_questions(tree, entry_point, binds))
    except NotSimple:
        return Analysis(None, binds, uses, tuple(_imports(tree)))
    return Analysis(questions, binds, uses)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            module = getattr(node, "module", None) or alias.name
            if module.partition(".")[0] in sys.stdlib_module_names and alias.name != "*":
                alone = type(node)(**{**vars(node), "names": [alias]})
                yield alias.asname or alias.name.partition(".")[0], ast.unparse(alone)


def names_in(tree: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a test binds, and those that occur in it as variables."""
    binds, uses = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            uses.add(node.id)
            if not isinstance(node.ctx, ast.Load):
                binds.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            binds.add(node.name)
        elif isinstance(node, ast.alias):
            binds.add((node.asname or node.name).split(".")[0])
    return frozenset(binds), frozenset(uses)


def _questions(tree: ast.Module, entry_point: str, binds: frozenset[str]) -> list[Question]:
    """Return all questions of the test.

    Raises:
        NotSimple: A statement is anything else.
    """
    check: ast.FunctionDef | None = None
    questions: list[Question] = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and check is None and _takes_one_argument(statement):
            check = statement
        elif check is not None and _calls(statement, check.name):
            questions += _inlined(check, statement.value.args[0].id)  # type: ignore[attr-defined]
        elif isinstance(statement, ast.Assert):
            questions += _question(statement, entry_point)
        elif not _does_nothing(statement):
            raise NotSimple
    if any(question.names & binds for question in questions):
        raise NotSimple
    return questions


def _takes_one_argument(function: ast.FunctionDef) -> bool:
    arguments = function.args
    plain = not (
        arguments.posonlyargs
        or arguments.kwonlyargs
        or arguments.vararg
        or arguments.kwarg
        or arguments.defaults
    )
    return plain and len(arguments.args) == 1 and not function.decorator_list


def _calls(statement: ast.stmt, name: str) -> bool:
    """Return whether the statement is `check(f)`, for the name `check`."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == name
        and len(statement.value.args) == 1
        and isinstance(statement.value.args[0], ast.Name)
        and not statement.value.keywords
    )


def _inlined(check: ast.FunctionDef, function: str) -> list[Question]:
    """Return the asserts of HumanEval's `check(candidate)`, with the function's own name for `candidate`."""
    parameter = check.args.args[0].arg

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            return ast.copy_location(ast.Name(function, node.ctx), node) if node.id == parameter else node

    questions: list[Question] = []
    for statement in check.body:
        if isinstance(statement, ast.Assert):
            questions += _question(Rename().visit(statement), function)
        elif not _does_nothing(statement):
            raise NotSimple
    return questions


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        value = statement.value
        return isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id in _BUILTINS)
    if isinstance(statement, ast.Assign):  # METADATA = {...}
        return all(isinstance(target, ast.Name) for target in statement.targets) and is_literal(
            statement.value
        )
    return isinstance(statement, ast.Pass)


def _question(statement: ast.Assert, entry_point: str) -> list[Question]:
    test = statement.test
    if isinstance(test, ast.Constant) and test.value:
        return []
    message = _message(statement.msg)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return [_ask(test.operand, entry_point, form="truth", operand=False, message=message)]
    if not isinstance(test, ast.Compare):
        return [_ask(test, entry_point, form="truth", operand=True, message=message)]
    if len(test.ops) != 1:
        raise NotSimple
    left, op, right = test.left, type(test.ops[0]).__name__, test.comparators[0]
    if not is_literal(right):
        if op not in _MIRRORED:
            raise NotSimple
        left, op, right = right, _MIRRORED[op], left
    operand = literal_value(right)
    if op in ("Is", "IsNot") and not (operand is None or operand is True or operand is False):
        raise NotSimple
    inner = _distance(left)
    if inner is not None:
        return [
            _ask(inner[0], entry_point, form="near", op=op, operand=operand, centre=inner[1], message=message)
        ]
    return [_ask(left, entry_point, form="compare", op=op, operand=operand, message=message)]


def _message(node: ast.expr | None) -> str:
    """Return the message, or nothing if it would have to be computed: it is for people, and most repeat the call."""
    return str(literal_value(node)) if node is not None and is_literal(node) else ""


def _distance(node: ast.expr) -> tuple[ast.expr, Any] | None:
    """Return `abs(f(x) - 1.5)` as (f(x), 1.5): the program must not see the 1.5."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "abs"):
        return None
    inner = node.args[0] if len(node.args) == 1 and not node.keywords else None
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
        if is_literal(inner.right):
            return inner.left, literal_value(inner.right)
        if is_literal(inner.left):
            return inner.right, literal_value(inner.left)
    return None


def _ask(node: ast.expr, entry_point: str, **judgement: Any) -> Question:
    names = names_in(node)[1]
    if not _reveals_nothing(node, entry_point):
        raise NotSimple
    code = compile(ast.Expression(node), TEST_FILE, "eval", dont_inherit=True)
    marshalled = base64.b64encode(marshal.dumps(code)).decode()
    return Question(ast.unparse(node), marshalled, names, **judgement)


def _reveals_nothing(node: ast.expr, entry_point: str) -> bool:
    """Return whether every literal in the expression is input to the program's functions, none an expected value."""
    if isinstance(node, ast.Name):
        return node.id not in _BUILTINS or node.id == entry_point
    if isinstance(node, ast.Subscript):
        return is_literal(node.slice) and _reveals_nothing(node.value, entry_point)
    if not isinstance(node, ast.Call):
        return False
    function, inputs = node.func, [*node.args, *(keyword.value for keyword in node.keywords)]
    if all(is_literal(value) for value in inputs):
        return isinstance(function, ast.Name) or _is_method(function, entry_point)
    if not isinstance(function, ast.Name):
        return False
    if function.id == entry_point or not (
        function.id in _BUILTINS | _COMPARING or hasattr(math, function.id)
    ):
        return True
    return (
        function.id in _WRAPPERS
        and len(node.args) == 1
        # A wrapper's other arguments may be an answer: the program's own `max` would see them.
        and all(function.id == "sorted" and keyword.arg == "reverse" for keyword in node.keywords)
        and _reveals_nothing(inputs[0], entry_point)
        and all(is_literal(value) for value in inputs[1:])
    )


def _is_method(function: ast.expr, entry_point: str) -> bool:
    """Return whether it is `Solution().solve` or `solver.solve`.

    `f(1).startswith`, a method of a result, is the judge's to call.
    """
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    if isinstance(owner, ast.Call) and not (isinstance(owner.func, ast.Name) and owner.func.id[:1].isupper()):
        return False
    return _reveals_nothing(owner, entry_point)
