"""Test files of `unittest` and pytest: their failures count, and tests in them that nobody calls are called."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Unfit(BaseException):
    """The test decides nothing here: the verdict is the sandbox's own error."""


class Failures:
    """The first failure of any case of `unittest`, however it is run, and whatever becomes of its result."""

    def __init__(self) -> None:
        self.count = 0
        self._first: BaseException | None = None
        self._is_prepared = False

    def prepare(self, code: str) -> None:
        """To be called before code that may use `unittest` or pytest is run. Both take a while to import."""
        if "pytest" in code and "pytest" not in sys.modules:
            sys.modules["pytest"] = _pytest()
        if "unittest" not in code or self._is_prepared:
            return
        import unittest

        self._is_prepared = True
        result: Any = unittest.TestResult
        for name in ("addFailure", "addError", "addSubTest"):
            setattr(result, name, self._noting(getattr(result, name)))
        result.addUnexpectedSuccess = lambda *args: self._note(AssertionError("unexpected success"))
        result.addSkip = lambda result, case, reason: self._note(Unfit(f"the test skips itself: {reason}"))
        start = result.startTest

        def count(result: Any, case: Any) -> None:
            self.count += 1
            start(result, case)

        result.startTest = count
        unittest.main = unittest.TestProgram = self._main  # type: ignore[misc,assignment]

    def _noting(self, genuine: Callable[..., Any]) -> Callable[..., Any]:
        def note(result: Any, case: Any, *rest: Any) -> None:
            error = rest[-1][1] if rest[-1] is not None else None
            if error is not None:
                self._note(error)
            genuine(result, case, *rest)

        return note

    def _note(self, error: BaseException) -> None:
        if self._first is None:
            self._first = error

    def begin(self) -> None:
        self.count, self._first = 0, None

    def end(self) -> None:
        if self._first is not None:
            raise self._first

    def _main(self, *args: Any, **kwargs: Any) -> None:
        self.run_cases(vars(sys.modules["__main__"]), set())

    def run_cases(self, namespace: dict[str, Any], before: set[str]) -> None:
        import unittest

        for name, value in list(namespace.items()):
            if name not in before and isinstance(value, type) and issubclass(value, unittest.TestCase):
                unittest.defaultTestLoader.loadTestsFromTestCase(value).run(unittest.TestResult())
        self.end()


def run_what_none_has_called(
    namespace: dict[str, Any], before: set[str], code: str, failures: Failures
) -> None:
    """Run cases of `unittest`, if the file has run none, and tests as pytest would find them, if it calls none."""
    tree = ast.parse(code)
    if failures.count == 0 and "unittest" in code and not _mentions(tree, "debug"):
        failures.run_cases(namespace, before)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not _mentions(
            tree, node.name
        ):
            found = namespace.get(node.name)
            if node.name.startswith("test") and inspect.isfunction(found):
                _run(found)
            elif (
                node.name.startswith("Test") and inspect.isclass(found) and not hasattr(found, "assertEqual")
            ):
                for name, method in list(vars(found).items()):
                    if name.startswith("test") and inspect.isfunction(method):
                        _run_method(found(), name)


def _mentions(tree: ast.AST, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
        for node in ast.walk(tree)
    )


def _run_method(instance: Any, name: str) -> None:
    getattr(instance, "setup_method", lambda *args: None)(*([None] * _count(instance, "setup_method")))
    _run(getattr(instance, name))


def _count(instance: Any, name: str) -> int:
    method = getattr(instance, name, None)
    return len(inspect.signature(method).parameters) if method else 0


def _run(test: Callable[..., Any]) -> None:
    for arguments in _rows(test):
        missing = [name for name in inspect.signature(test).parameters if name not in arguments]
        if missing:
            raise Unfit(f"the test {test.__name__} needs {missing[0]}: the sandbox has no fixtures of pytest")
        result = test(**arguments)
        if inspect.iscoroutine(result):
            import asyncio

            asyncio.run(result)


def _rows(test: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{}]
    for names, values in getattr(test, "_parameters", ()):
        rows = [{**row, **_row(names, value)} for row in rows for value in values]
    yield from rows


def _row(names: Any, value: Any) -> dict[str, Any]:
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    if isinstance(value, _Parameters):
        value = value.values if len(keys) > 1 else value.values[0]
    return dict(zip(keys, value if len(keys) > 1 else [value], strict=True))


class _Parameters:
    def __init__(self, *values: Any, **options: Any) -> None:
        self.values = values


class _Approximately:
    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None) -> None:
        self._expected = expected
        self._rel, self._abs = rel, abs

    def _near(self, got: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            same = isinstance(got, dict) and got.keys() == expected.keys()
            return same and all(self._near(got[key], expected[key]) for key in expected)
        if isinstance(expected, list | tuple):
            same = isinstance(got, list | tuple) and len(got) == len(expected)
            return same and all(map(self._near, got, expected))
        if not isinstance(expected, int | float | complex) or not isinstance(got, int | float | complex):
            return bool(got == expected)
        relative = self._rel if self._rel is not None else 0.0 if self._abs is not None else 1e-6
        most = max(relative * abs(expected), self._abs if self._abs is not None else 1e-12)
        return got == expected or abs(got - expected) <= most

    def __eq__(self, other: object) -> bool:
        return self._near(other, self._expected)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"


class _Raised:
    value: Any = None
    type: Any = None

    def match(self, pattern: str) -> bool:
        import re

        assert re.search(pattern, str(self.value)), f"{pattern!r} is not found in {str(self.value)!r}"
        return True


def _raises(expected: Any, *args: Any, match: str | None = None, **kwargs: Any) -> Any:
    @contextmanager
    def context() -> Iterator[_Raised]:
        raised = _Raised()
        try:
            yield raised
        except expected as error:
            raised.value, raised.type = error, type(error)
            if match is not None:
                raised.match(match)
        else:
            raise AssertionError(f"DID NOT RAISE {expected}")

    if not args:
        return context()
    with context() as raised:
        args[0](*args[1:], **kwargs)
    return raised


def _parametrize(names: Any, values: Any, **options: Any) -> Any:
    def mark(test: Any) -> Any:
        test._parameters = [*getattr(test, "_parameters", ()), (names, list(values))]
        return test

    return mark


def _skip(reason: str = "", **options: Any) -> Any:
    raise Unfit(f"the test skips itself: {reason}")


def _fail(reason: str = "", **options: Any) -> Any:
    raise AssertionError(reason)


def _unknown(name: str) -> Any:
    if name[:2] == "__":  # the import system asks for some
        raise AttributeError(name)
    raise Unfit(f"the sandbox has no pytest.{name}")


class _Mark:
    parametrize = staticmethod(_parametrize)

    def __getattr__(self, name: str) -> Any:
        if name in ("skip", "skipif", "xfail"):
            raise Unfit(f"the test is marked {name}")
        return lambda *args, **options: args[0] if args and callable(args[0]) else lambda test: test


def _pytest() -> ModuleType:
    """The few names of pytest that tests of single programs use."""
    module = ModuleType("pytest")
    vars(module).update(
        raises=_raises,
        approx=_Approximately,
        mark=_Mark(),
        param=_Parameters,
        skip=_skip,
        fail=_fail,
        __getattr__=_unknown,
    )
    return module
