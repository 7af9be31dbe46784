"""The judge's own process: it runs test code, with stand-ins for what the program defines."""

from __future__ import annotations

import ast
import builtins
import importlib
import socket
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType, UnionType
from typing import Any, TypedDict, TypeGuard

from . import framing, testfile
from .asserts import TEST_FILE, Question, is_literal, names_in
from .compare import OPERATORS, answers
from .framing import Message
from .remote import Link, ProgramStopped
from .standin import NAME, CannotCross, NotBelieved, Remote, number_of, unnamed
from .stops import reported_error
from .values import Data, decode, short_repr

NEVER_CALLED = "the test never calls the program: it would pass whatever that is"
_COMPARE, _TYPE, _ENTER = "__compare__", "__type__", "__enter_test__"
_COMPARING = {
    "isclose": "math",
    "allclose": "numpy",
    "array_equal": "numpy",
    "assert_allclose": "numpy.testing",
}
"""Functions that compare. The judge uses its own, even if the program has one of that name."""
_FORWARDED = {
    "inspect": """signature getsource getsourcelines getdoc getfullargspec getmembers isfunction isclass ismethod
    isroutine isgenerator isgeneratorfunction iscoroutinefunction isasyncgenfunction isawaitable isabstract""",
    "dataclasses": "is_dataclass fields asdict astuple replace",
    "asyncio": "iscoroutinefunction",
    "typing": "get_type_hints",
}
"""Functions that inspect a function, a class or an object. For those of the program they run there."""
_DONE_TWICE = {"random": "seed", "numpy.random": "seed", "sys": "setrecursionlimit"}
_DONE_THERE = {"asyncio": "sleep", "time": "sleep"}
"""Functions that act on the interpreter: the test's use of them is repeated in the program, or happens there."""
_UNSEEN = {
    "what the program logs": "assertLogs assertNoLogs",
    "warnings of the program": "catch_warnings assertWarns assertWarnsRegex",
    "names that the test replaces, but for input and print": "patch",
    "the program's os.environ": "environ getenv",
    "the program's directory": "getcwd",
    "the program's context of decimals": "getcontext",
    "the program's docstrings": "testmod",
    "the program's names in globals()": "globals",
    "what a fixture of pytest sees": "capsys",
    "the program's memory": "tracemalloc",
    "the program's steps": "settrace",
}
"""A test that uses one of these names and does not pass may not have seen what it looked for."""


_Function = Callable[..., object]


class Request(TypedDict):
    """A test that a judge is to run."""

    code: str
    question: tuple[Data, Message] | None
    """What the program has answered, and the fields of a `Question` that judge it. The test is not run then."""
    setup_code: str
    entry_point: str
    number: int
    """From which the requests to the program are numbered."""
    helps: bool
    """Whether it binds names for later tests, and need not call the program."""
    depends: bool
    """Whether it uses names that earlier tests bind."""


def serve(channel: socket.socket, program_channel: socket.socket) -> None:
    """Run tests as they arrive, in one namespace, as if they were one file. Answer each with its outcome."""
    sys.argv[:] = ["test.py"]
    session = _Session(Link(program_channel))
    while True:
        framing.send(channel, [session.outcome(framing.receive(channel))])


class _Session:
    """The tests of one job, which share their names."""

    def __init__(self, link: Link) -> None:
        self._link = link
        module = ModuleType("__main__")
        self._namespace = module.__dict__
        sys.modules["__main__"] = module
        self._names = _Names(link)
        self._namespace["__builtins__"] = self._names
        self._failed_pair: tuple[object, object] | None = None
        self._failures = testfile.Failures()
        self._namespace |= {_COMPARE: self._compare, _TYPE: self._type, _ENTER: self._failures.enter}
        self._namespace["__getattr__"] = self._names.attribute
        self._mentioned: set[str] = set()
        self._bound: set[str] = set()
        """Names that the tests bind themselves: they do not mean what the program binds to them."""
        self._set_up_classes: set[str] = set()
        self._has_set_up = False
        self._has_reached = False

    def outcome(self, request: Request) -> Message:
        """Run a test. Return fields of the verdict; `{"status": "gone"}` if the program ended or broke the protocol."""
        self._link.start(request["number"])
        self._failed_pair = None
        self._names.entry_point = request["entry_point"]
        used: frozenset[str] = frozenset()
        try:
            if not self._has_set_up:
                self._has_set_up = True
                self._set_up(request["setup_code"])
            used = self._take_names(request["code"])
            if request["question"] is not None:
                return self._answer(*request["question"])
            self._run(request["code"])
        except BaseException as error:
            self._link.is_reporting = True
            sys.set_int_max_str_digits(4300)  # showing a longer one takes too long
            outcome = self._outcome(error)
            unseen = [what for what, names in _UNSEEN.items() if not used.isdisjoint(names.split())]
            if unseen and outcome["status"] in ("failed", "error"):
                return _limit(f"a test cannot see {unseen[0]} ({outcome.get('message')})")
            return outcome
        self._has_reached = self._has_reached or self._link.reached
        if self._link.reached or request["helps"] or (request["depends"] and self._has_reached):
            return {"status": "passed"}
        return {"status": "sandbox_error", "message": NEVER_CALLED}

    def _run(self, code: str) -> None:
        before = dict(self._namespace)
        tree = ast.parse(code, TEST_FILE)
        self._link.raising_lines, self._link.last_asserts = _lines(tree)
        self._failures.prepare(code)
        self._failures.begin()
        try:
            self._execute(tree, TEST_FILE)
        except SystemExit as end:
            if "_from_program" in end.__dict__:
                raise
            if end.code not in (None, 0):
                raise AssertionError(f"the test ends with exit status {end.code}") from None
        testfile.run_what_none_has_called(self._namespace, before, self._failures)
        self._failures.end()
        if self._link.swallowed:
            raise self._link.swallowed[0]

    def _execute(self, tree: ast.Module, file: str) -> None:
        tree = ast.fix_missing_locations(_Instrumented().visit(tree))
        exec(compile(tree, file, "exec", dont_inherit=True), self._namespace)

    def _set_up(self, code: str) -> None:
        """Run what of the set-up code needs no program: its imports, functions and constants are the judge's own."""
        body = ast.parse(code, "<setup>").body
        self._set_up_classes = {statement.name for statement in body if isinstance(statement, ast.ClassDef)}
        self._take_names(code)
        self._failures.prepare(code)
        for statement in body:
            is_constant = isinstance(statement, ast.Assign) and is_literal(statement.value)
            if is_constant or isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef):
                self._execute(ast.Module([statement], []), "<setup>")

    def _take_names(self, code: str) -> frozenset[str]:
        """Record and return the names that a test uses. Classes among them may be the program's, see `standin.py`."""
        names, attributes = set(), set()
        tree = ast.parse(code, TEST_FILE)
        binds, uses = names_in(tree)
        self._bound |= binds - self._set_up_classes
        classes = uses - self._bound - vars(builtins).keys()
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name) | ast.alias(name=name) | ast.arg(arg=name):
                    names.add(name)
                case ast.ImportFrom(module=str(name)):
                    names.add(name)
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    attributes.add(name)
                    names.add(attribute)
                    classes |= {attribute} if name in classes else set()
                case ast.Attribute(attr=attribute):
                    names.add(attribute)
        self._link.named |= {name for name in classes if name[:1].isupper()}
        self._mentioned |= names
        self._names.modules |= {name for name in attributes if name in sys.stdlib_module_names | {"numpy"}}
        if "unittest" in self._mentioned:  # for its own `assertIsInstance`
            vars(importlib.import_module("unittest.case"))["isinstance"] = self._names["isinstance"]
        for module, functions in _FORWARDED.items():
            if module in self._mentioned:
                self._replace(module, functions.split(), self._forwarded)
        for how, table in ((self._done_twice, _DONE_TWICE), (self._done_there, _DONE_THERE)):
            for module, function in table.items():
                if function in names and module.partition(".")[0] in self._mentioned:
                    self._replace(module, [function], how)
        return frozenset(names)

    def _replace(
        self, module: str, functions: list[str], by: Callable[[str, str, _Function], _Function]
    ) -> None:
        holder = importlib.import_module(module)
        for name in functions:
            genuine = getattr(holder, name)
            if not hasattr(genuine, "_rayboot"):
                replacement = by(module, name, genuine)
                vars(replacement)["_rayboot"] = True
                setattr(holder, name, replacement)

    def _forwarded(self, module: str, name: str, genuine: _Function) -> _Function:
        def ask(*args: object, **kwargs: object) -> object:
            if args and number_of(args[0]) is not None:
                return self._link.call_standard(module, name, args, kwargs)
            return genuine(*args, **kwargs)

        return ask

    def _done_twice(self, module: str, name: str, genuine: _Function) -> _Function:
        def do(*args: object) -> object:
            self._link.call_standard(module, name, args, {})
            return genuine(*args)

        return do

    def _done_there(self, module: str, name: str, genuine: _Function) -> _Function:
        """Wrap a sleep. Meanwhile what the test started in the program continues, and may call the test's functions."""

        def do(*args: object) -> object:
            if not self._link.is_busy:
                return genuine(*args)
            return self._link.call_standard(module, name, args, {})

        return do

    def _answer(self, value: Data, question: Message) -> Message:
        """Judge a comparison with an object that the program has returned already."""
        asked = Question("", "", frozenset(), **{**question, "operand": decode(question["operand"])})
        got = self._link.read(value)
        if answers(asked, got):
            return {"status": "passed"}
        self._link.is_reporting = True
        return {"status": "failed", "got": short_repr(got)}

    def _type(self, value: object) -> object:
        """Return `type(value)`; for a stand-in, the program's class."""
        is_own = number_of(value) is None or isinstance(value, type | BaseException)
        if is_own or hasattr(type(value), "_fields"):
            return type(value)
        return self._link.operate("getattr", value, "__class__")

    def _compare(self, operation: str, flipped: bool, left: object, right: object) -> object:
        result = OPERATORS[operation](left, right)
        if not result:
            self._failed_pair = (right, left) if flipped else (left, right)
        return result

    def _outcome(self, error: BaseException) -> Message:
        call = {"call": self._link.last_call}
        if isinstance(error, CannotCross | testfile.Unfit):
            return {"status": "sandbox_error", "message": str(error)}
        if isinstance(error, ProgramStopped):
            if error.description is None:
                return {"status": "gone", "message": str(error)}
            return {**outcome_of_exception(error.description), **call}
        if (description := getattr(error, "__dict__", {}).get("_from_program")) is not None:
            return {**outcome_of_exception(description), **call}
        if isinstance(error, ImportError) or type(error).__name__ == "SkipTest":
            return {"status": "sandbox_error", "message": f"the test cannot be run here: {error}"}
        message = str(error)
        if isinstance(error, TypeError) and message == "called match pattern must be a type":
            return _limit("a class of the program's cannot be a pattern of a `match`")
        if NAME in message and not isinstance(error, AssertionError):
            # If the test names no class, it expects data: then this is Python's own error, and no limit of the sandbox.
            own_class = unnamed(self._link.given.values()) if isinstance(error, TypeError) else None
            if own_class is None:
                return _limit(f"a test cannot do everything with an object of the program's: {message}")
            message = message.replace(NAME, own_class)
        if not isinstance(error, AssertionError):
            kind = "TypeError" if isinstance(error, NotBelieved) else type(error).__name__
            return {"status": "error", "error_type": kind, "message": message, **call}
        outcome = {"status": "failed", "error_type": "AssertionError", "message": message, **call}
        if self._failed_pair is not None:
            got, expected = self._failed_pair
            return {**outcome, "got": short_repr(got), "expected": short_repr(expected)}
        return {**outcome, "got": short_repr(self._link.last_result)}


def _limit(what: str) -> Message:
    return {"status": "sandbox_error", "message": f"a limit of the sandbox: {what}"}


class _Names(dict[str, Any]):
    """The names that a test finds beyond its own: builtins, and what the program binds at that moment."""

    def __init__(self, link: Link) -> None:
        super().__init__(vars(builtins))
        self._link = link
        self.entry_point = ""
        self.modules: set[str] = set()
        """Names of standard library modules from which the tests take something."""
        self.update(isinstance=self._isinstance, issubclass=self._issubclass, callable=self._callable)

    def __getitem__(self, name: str) -> Any:
        if name == self.entry_point and hasattr(builtins, name):
            return self._link.names([name]).get(name, dict.get(self, name))
        return super().__getitem__(name)

    def __missing__(self, name: str) -> Any:
        value = self._link.names([name])[name]
        if name != self.entry_point:
            value = self._own(name, value)
        if isinstance(value, type | ModuleType | FunctionType) or type(value) is Remote:
            self[name] = value
        return value

    def attribute(self, name: str) -> object:
        """Return what a test finds as `__main__.name`."""
        if name[:2] == "__" or name not in self._link.names([name]):
            raise AttributeError(name)
        return self[name]

    def _own(self, name: str, value: object) -> object:
        """Return the judge's copy of what the program has, or claims to have, from the standard library."""
        if name in self.modules and getattr(value, "__module__", "") != name:
            return importlib.import_module(name)
        if type(value) is Remote and name in _COMPARING:
            holder = _COMPARING[name] if "numpy" in sys.modules else "math"
            return getattr(importlib.import_module(holder), name, value)
        return value

    def _isinstance(self, value: object, kinds: Any) -> bool:
        if type(value) is not Remote or type(kinds) is Remote:
            return isinstance(value, kinds)
        if (alternatives := _alternatives(kinds)) is not None:
            return any(self._isinstance(value, kind) for kind in alternatives)
        if kinds in (int, float, str, bytes, tuple, bool, complex, list, dict, set, frozenset):
            return isinstance(value, kinds)
        return self._link.is_of("is_a", value, kinds)

    def _issubclass(self, kind: Any, kinds: Any) -> bool:
        if type(kind) is not Remote:
            return issubclass(kind, kinds)
        if (alternatives := _alternatives(kinds)) is not None:
            return any(self._issubclass(kind, each) for each in alternatives)
        return self._link.is_of("issubclass", kind, kinds)

    def _callable(self, value: object) -> bool:
        return bool(self._link.operate("callable", value)) if type(value) is Remote else callable(value)


def _alternatives(kinds: object) -> tuple[object, ...] | None:
    """Return the parts of `A | B` or `(A, B)`; None for one class."""
    if isinstance(kinds, UnionType):
        return kinds.__args__
    return kinds if isinstance(kinds, tuple) else None


def outcome_of_exception(description: object) -> Message:
    """Return the outcome for an exception that the program raised, and describes itself."""
    error = reported_error(description)
    status = "memory_limit" if error["error_type"] == "MemoryError" else "error"
    return {"status": status, **error, "error_type": error["error_type"] or "Exception"}


def _lines(tree: ast.AST) -> tuple[set[int], dict[int, int]]:
    """Return `Link.raising_lines` and `Link.last_asserts` of a test."""
    raising: set[int] = set()
    last: dict[int, int] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Raise() | ast.Assert(test=ast.Constant()):
                raising.add(node.lineno)
            case ast.With() | ast.AsyncWith():
                ends = [part.end_lineno or 0 for part in ast.walk(node) if _is_assert(part)]
                last |= dict.fromkeys(range(node.lineno, node.body[0].lineno + 1), max(ends, default=0))
    return raising, last


def _is_assert(node: ast.AST) -> TypeGuard[ast.stmt]:
    match node:
        case ast.Assert():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=str(name)))):
            return name.startswith("assert")
    return False


class _Instrumented(ast.NodeTransformer):
    """Transformer of test code, after which stand-ins can be distinguished.

    `assert a == b` becomes `assert __compare__("Eq", ..., a, b)`, so that a and b can be shown if it fails. `type(x)`
    and `x.__class__` become `__type__(x)`. A function `test...` records that it has been called.
    """

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.generic_visit(node)
        if node.name.startswith("test"):
            index = 0 if ast.get_docstring(node, clean=False) is None else 1
            enter = ast.Expr(ast.Call(ast.Name(_ENTER, ast.Load()), [], []))
            node.body.insert(index, ast.copy_location(enter, node.body[0]))
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            details = [ast.Constant(type(test.ops[0]).__name__), ast.Constant(is_literal(test.left))]
            arguments = [*details, test.left, test.comparators[0]]
            node.test = ast.copy_location(ast.Call(ast.Name(_COMPARE, ast.Load()), arguments, []), test)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        is_type = isinstance(node.func, ast.Name) and node.func.id == "type"
        if is_type and len(node.args) == 1 and not node.keywords:
            node.func = ast.copy_location(ast.Name(_TYPE, ast.Load()), node.func)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "__class__" and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Call(ast.Name(_TYPE, ast.Load()), [node.value], []), node)
        return node
