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
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

TEST_FILE = "<test>"
_CONVERSIONS = {
    kind.__name__: kind
    for kind in (set, frozenset, tuple, list, dict, range, float, int, str, bytes, complex)
}
_LITERAL_NODES = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.Name),
    *(ast.operator, ast.unaryop, ast.Load),
)
_WRAPPER_NAMES = "sorted set list tuple dict frozenset len sum str max min round int float bool"
_WRAPPERS = frozenset(_WRAPPER_NAMES.split())
_COMPARING = {"allclose", "array_equal", "assert_allclose"}
_BUILTINS = set(dir(builtins))
_MIRRORED = {name: name for name in ("Eq", "NotEq", "Is", "IsNot")}
_MIRRORED |= {"Lt": "Gt", "LtE": "GtE", "Gt": "Lt", "GtE": "LtE"}


class NotSimple(Exception):
    """A test, or a part of one, cannot be taken apart: a judge has to run it."""


@dataclass(frozen=True)
class Question:
    """One value to ask the program for, and what makes it right."""

    source: str
    """Such as `f(1, 2)`."""
    code: str
    """The same, compiled: marshalled, in base64."""
    names: frozenset[str]
    form: Literal["compare", "truth", "near"] = "truth"
    """`compare`: value OP operand; `truth`: bool(value) is operand; `near`: abs(value - centre) OP operand."""
    op: str = "Eq"
    operand: object = True
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
    """Take a test apart. Raise SyntaxError if the test itself is not Python."""
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


def is_literal(node: ast.expr) -> bool:
    """Return whether the expression is a constant of plain data. Arithmetic, `set()` and the like are included."""
    called = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            if not isinstance(child.func, ast.Name) or child.keywords or child.func.id not in _CONVERSIONS:
                return False
            called.add(child.func)
        elif not isinstance(child, _LITERAL_NODES) or (isinstance(child, ast.Name) and child not in called):
            return False
    return True


def _literal_value(node: ast.expr) -> Any:
    """Return the value of a literal. Raise NotSimple if evaluating it raises."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        pass
    code = compile(ast.fix_missing_locations(ast.Expression(node)), TEST_FILE, "eval", dont_inherit=True)
    try:
        return eval(code, {"__builtins__": {}, **_CONVERSIONS})
    except Exception as error:
        raise NotSimple from error


def _questions(tree: ast.Module, entry_point: str, binds: frozenset[str]) -> list[Question]:
    """Return all questions of the test. Raise NotSimple if a statement is anything else."""
    check: ast.FunctionDef | None = None
    questions: list[Question] = []
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(
                args=ast.arguments(
                    posonlyargs=[], args=[_], vararg=None, kwonlyargs=[], kwarg=None, defaults=[]
                ),
                decorator_list=[],
            ) if check is None:
                check = statement
            case ast.Expr(ast.Call(ast.Name(name), [ast.Name(function)], [])) if check and name == check.name:
                questions += _inlined(check, function)
            case ast.Assert():
                questions += _question(statement, entry_point)
            case _ if not _does_nothing(statement):
                raise NotSimple
    if any(question.names & binds for question in questions):
        raise NotSimple
    return questions


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
    match statement:
        case ast.Pass() | ast.Expr(ast.Constant()):
            return True
        case ast.Expr(ast.Name(name)):
            return name in _BUILTINS
        case ast.Assign(targets, value):  # METADATA = {...}
            return all(isinstance(target, ast.Name) for target in targets) and is_literal(value)
    return False


def _question(statement: ast.Assert, entry_point: str) -> list[Question]:
    match statement.test:
        case ast.Constant(value) if value:
            return []
        case ast.UnaryOp(ast.Not(), asked):
            question = replace(_ask(asked, entry_point), operand=False)
        case ast.Compare(left, [operator], [right]):
            question = _comparison(left, type(operator).__name__, right, entry_point)
        case ast.Compare():
            raise NotSimple
        case asked:
            question = _ask(asked, entry_point)
    # A message that would have to be computed is left out: it is for people, and most repeat the call.
    message = statement.msg
    shown = str(_literal_value(message)) if message is not None and is_literal(message) else ""
    return [replace(question, message=shown)]


def _comparison(left: ast.expr, op: str, right: ast.expr, entry_point: str) -> Question:
    if not is_literal(right):
        if op not in _MIRRORED:
            raise NotSimple
        left, op, right = right, _MIRRORED[op], left
    operand = _literal_value(right)
    if op in ("Is", "IsNot") and not (operand is None or operand is True or operand is False):
        raise NotSimple
    # The program must not see the 1.5 of `abs(f(x) - 1.5)`.
    match left:
        case ast.Call(ast.Name("abs"), [ast.BinOp(asked, ast.Sub(), centre)], []) if is_literal(centre):
            pass
        case ast.Call(ast.Name("abs"), [ast.BinOp(centre, ast.Sub(), asked)], []) if is_literal(centre):
            pass
        case _:
            return replace(_ask(left, entry_point), form="compare", op=op, operand=operand)
    question, known = _ask(asked, entry_point), _literal_value(centre)
    return replace(question, form="near", op=op, operand=operand, centre=known)


def _ask(node: ast.expr, entry_point: str) -> Question:
    """Return the question for the expression's value, which is right if it is true."""
    names = names_in(node)[1]
    if not _reveals_nothing(node, entry_point):
        raise NotSimple
    code = compile(ast.Expression(node), TEST_FILE, "eval", dont_inherit=True)
    marshalled = base64.b64encode(marshal.dumps(code)).decode()
    return Question(ast.unparse(node), marshalled, names)


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
