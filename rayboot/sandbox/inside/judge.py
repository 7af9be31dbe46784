"""The judge's own process: runs test code, with the program's names bound to stand-ins for the program's functions."""

from __future__ import annotations

import ast
import builtins
import symtable
from typing import Any

from . import framing
from .compare import OPERATORS
from .literals import TEST_FILE, is_literal
from .remote import CannotCross, Link, ProgramStopped
from .values import short_repr

_COMPARE = "__compare__"


def serve(channel: Any, program_channel: Any) -> None:
    """Run the tests that come, in one namespace, as if they were one file; answer with an outcome for each."""
    link = Link(program_channel)
    namespace: dict[str, Any] = {"__name__": "test", "__builtins__": builtins}
    while True:
        request = framing.receive(channel)
        framing.send(channel, [_Test(link, namespace, request).run()])


class _Test:
    def __init__(self, link: Link, namespace: dict[str, Any], request: dict[str, Any]) -> None:
        self._link = link
        self._namespace = namespace
        self._code: str = request["code"]
        self._entry_point: str = request["entry_point"]
        self._failed_pair: tuple[Any, Any] | None = None
        link.start(request["number"])

    def run(self) -> dict[str, Any]:
        """The outcome: fields of the verdict; `{"status": "gone"}` when the program ended or broke the conversation."""
        try:
            self._namespace.update(self._link.names(self._missing_names()))
            self._namespace[_COMPARE] = self._compare
            tree = _RecordComparisons().visit(ast.parse(self._code, TEST_FILE))
            exec(
                compile(ast.fix_missing_locations(tree), TEST_FILE, "exec", dont_inherit=True),
                self._namespace,
            )
        except CannotCross as error:
            return {"status": "sandbox_error", "message": str(error)}
        except ProgramStopped as stopped:
            if stopped.description is None:
                return {"status": "gone", "message": str(stopped)}
            return {**outcome_of_exception(stopped.description), "call": self._link.last_call}
        except BaseException as error:
            return {**self._outcome(error), "call": self._link.last_call}
        return {"status": "passed"}

    def _missing_names(self) -> list[str]:
        """Global names that the test reads and that neither it, an earlier test nor Python defines."""
        table = symtable.symtable(self._code, TEST_FILE, "exec")
        own = {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_assigned() or symbol.is_imported()
        }
        read = _global_reads(table) - own - set(self._namespace)
        return sorted(name for name in read if not hasattr(builtins, name) or name == self._entry_point)

    def _compare(self, operation: str, flipped: bool, left: Any, right: Any) -> Any:
        result = OPERATORS[operation](left, right)
        if not result:
            self._failed_pair = (right, left) if flipped else (left, right)
        return result

    def _outcome(self, error: BaseException) -> dict[str, Any]:
        description = getattr(error, "_from_program", None)
        if description is not None:
            return outcome_of_exception(description)
        if not isinstance(error, AssertionError):
            return {"status": "error", "error_type": type(error).__name__, "message": str(error)}
        outcome = {"status": "failed", "error_type": "AssertionError", "message": str(error)}
        if self._failed_pair is not None:
            got, expected = self._failed_pair
            return {**outcome, "got": short_repr(got), "expected": short_repr(expected)}
        return {**outcome, "got": short_repr(self._link.last_result)}


def outcome_of_exception(description: Any) -> dict[str, Any]:
    """What a verdict says of an exception that the program raised."""
    kinds = description.get("types") if isinstance(description, dict) else None
    kind = str(kinds[0])[:80] if isinstance(kinds, list) and kinds else "Exception"
    line = description.get("line") if isinstance(description, dict) else None
    return {
        "status": "memory_limit" if kind == "MemoryError" else "error",
        "error_type": kind,
        "message": str(description.get("message", ""))[:1000] if isinstance(description, dict) else "",
        "line": line if type(line) is int else None,
    }


def _global_reads(table: symtable.SymbolTable) -> set[str]:
    module = table.get_type() == "module"
    reads = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (module or s.is_global())}
    return reads.union(*(_global_reads(child) for child in table.get_children()))


class _RecordComparisons(ast.NodeTransformer):
    """`assert a == b` becomes `assert __compare__("Eq", ..., a, b)`, so that a and b can be shown when it fails."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            details = [ast.Constant(type(test.ops[0]).__name__), ast.Constant(is_literal(test.left))]
            arguments = [*details, test.left, test.comparators[0]]
            node.test = ast.copy_location(ast.Call(ast.Name(_COMPARE, ast.Load()), arguments, []), test)
        return node
