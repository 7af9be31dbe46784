"""Test files of `unittest` and pytest: their failures count, and tests that the file does not call are called."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import unittest

_Names = dict[str, Any]
"""Of a module, a class or a test's parameters, and what each is bound to."""


class Unfit(BaseException):
    """The test cannot decide anything here: the verdict is `sandbox_error`."""


class _Always(str):
    """The reason of an unconditional skip, which no program can have caused."""


class Failures:
    """The first failure of any test, however it is run and whatever happens to its result; and which tests have run."""

    def __init__(self) -> None:
        self._first: BaseException | None = None
        self._skipped = ""
        self._count = 0
        self._entered: set[CodeType] = set()
        self._started: set[tuple[type, str]] = set()
        self._is_prepared = False

    def prepare(self, code: str) -> None:
        """Watch `unittest` and provide pytest, if the code mentions them. Call this before the code runs.

        Importing `unittest` takes a while.
        """
        if "pytest" in code and "pytest" not in sys.modules:
            sys.modules["pytest"] = _pytest()
        if "unittest" not in code or self._is_prepared:
            return
        import unittest

        self._is_prepared = True
        result: Any = unittest.TestResult
        outcome: Any = unittest.case._Outcome  # type: ignore[attr-defined]
        outcome.testPartExecutor = self._watched(outcome.testPartExecutor)
        result.addUnexpectedSuccess = lambda *args: self._note(AssertionError("unexpected success"))
        result.addSkip = lambda result, case, reason: self.skip(reason)
        start, add_error, skip = result.startTest, result.addError, unittest.skip

        def started(result: unittest.TestResult, case: unittest.TestCase) -> None:
            self._started.add((type(case), case._testMethodName))
            start(result, case)

        def failed(result: unittest.TestResult, case: unittest.TestCase, error: Any) -> None:
            self._note(error[1])
            add_error(result, case, error)

        result.startTest, result.addError = started, failed
        unittest.skip = lambda reason: skip(_Always(reason) if isinstance(reason, str) else reason)
        unittest.main = unittest.TestProgram = self._main  # type: ignore[misc,assignment]

    def _watched(self, genuine: Callable[..., Any]) -> Callable[..., object]:
        """Wrap what runs each part of a case: it swallows what the part raises, and reports only some of it."""
        import unittest

        @contextmanager
        def watched(outcome: Any, *args: Any, **kwargs: Any) -> Iterator[None]:
            self._count += 1
            with genuine(outcome, *args, **kwargs):
                try:
                    yield
                except unittest.SkipTest:
                    raise
                except BaseException as error:
                    if not outcome.expecting_failure:
                        self._note(error)
                    raise

        return watched

    def _note(self, error: BaseException) -> None:
        if self._first is None:
            self._first = error

    def skip(self, reason: str) -> None:
        """Record a skip: other tests decide, unless the program may have caused it."""
        self._skipped = f"the test skips itself: {reason}"
        if not isinstance(reason, _Always):
            self._note(Unfit(self._skipped))

    def enter(self) -> None:
        """Record the calling function. Each function `test...` of the file calls this as it begins."""
        self._entered.add(sys._getframe(1).f_code)

    def is_due(self, test: Callable[..., object], owner: type | None, name: str) -> bool:
        """Return whether the function still has to be called, because the file has not called it itself.

        If functions share one code object, it is unknown which of them was called: each is called once more.
        """
        is_own = owner is None or name in vars(owner)
        plain: Any = inspect.unwrap(test)
        return not (is_own and getattr(plain, "__code__", None) in self._entered and not plain.__closure__)

    def begin(self) -> None:
        self._first, self._skipped, self._count = None, "", 0
        self._entered, self._started = set(), set()

    def count(self) -> None:
        self._count += 1

    def end(self) -> None:
        if self._first is not None:
            raise self._first
        if self._skipped and not self._count:
            raise Unfit(self._skipped)

    def _main(self, *args: object, **kwargs: object) -> None:
        self.run_cases(vars(sys.modules["__main__"]).values())
        self.end()

    def run_cases(self, found: Iterable[object]) -> None:
        """Run the cases of `unittest` among a file's values that have not run yet."""
        if not self._is_prepared:
            return
        import unittest

        suite = unittest.TestSuite()
        for kind in list(found):
            if isinstance(kind, type) and issubclass(kind, unittest.TestCase):
                cases: Any = unittest.defaultTestLoader.loadTestsFromTestCase(kind)
                for case in cases:
                    name = case._testMethodName
                    if (kind, name) not in self._started and self.is_due(getattr(kind, name), kind, name):
                        suite.addTest(case)
        suite.run(unittest.TestResult())


def run_what_none_has_called(namespace: _Names, before: _Names, failures: Failures) -> None:
    """Run the cases of `unittest`, and the tests that pytest would find, that the file has not run itself."""
    new = {name: value for name, value in namespace.items() if value is not before.get(name, before)}
    failures.run_cases(new.values())
    _run_tests(new, None, failures)


def _run_tests(found: _Names, owner: type | None, failures: Failures) -> None:
    """Run the tests among a module's names, or among a class's."""
    with _between(found.get, "class" if owner else "module", owner):
        for name, test in found.items():
            is_class = name.startswith("Test") and isinstance(test, type) and _is_of_pytest(test)
            is_test = name.startswith("test") and isinstance(test, FunctionType | MethodType | partial)
            if not (is_class or (is_test and failures.is_due(test, owner, name))):
                continue
            if hasattr(test, "_is_skipped"):
                failures.skip(_Always(name))
            elif is_class:
                _run_tests(_members(test), test, failures)
            else:
                holder = owner() if owner else None
                get = partial(_get, holder) if owner else found.get
                failures.count()
                with _between(get, "method" if owner else "function", test):
                    _run(getattr(holder, name) if owner else test, name)


def _is_of_pytest(kind: Any) -> bool:
    is_made_plainly = kind.__init__ is object.__init__ and kind.__new__ is object.__new__
    return is_made_plainly and not hasattr(kind, "assertEqual")


def _members(kind: type) -> _Names:
    return {name: getattr(kind, name, None) for part in reversed(kind.__mro__) for name in vars(part)}


def _get(holder: object, name: str) -> Any:
    return getattr(holder, name, None)


@contextmanager
def _between(find: Callable[[str], Any], what: str, argument: object) -> Iterator[None]:
    """Call for example `setup_module` before the block and `teardown_module` after it, with an argument or without."""
    for phase in ("setup", "teardown"):
        function = find(f"{phase}_{what}")
        if function is not None:
            function(*[argument][: len(inspect.signature(function).parameters)])
        if phase == "setup":
            yield


def _run(test: Callable[..., object], name: str) -> None:
    rows: list[_Names] = [{}]
    for names, values in getattr(test, "_parameters", ()):
        rows = [{**row, **_row(names, value)} for row in rows for value in values]
    known = inspect.signature(test).parameters.values()
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [part.name for part in known if part.default is part.empty and part.kind not in optional]
    for arguments in rows:
        missing = [part for part in needed if part not in arguments]
        if missing and getattr(test, "__name__", name)[:4] != "test":
            return  # a helper that is bound to the name of a test
        if missing:
            raise Unfit(f"the test {name} needs {missing[0]}: the sandbox has no fixtures of pytest")
        result = test(**arguments)
        if inspect.iscoroutine(result):
            import asyncio

            asyncio.run(result)


def _row(names: str | Iterable[str], value: Any) -> _Names:
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    if isinstance(value, _Parameters):
        value = value.values if len(keys) > 1 else value.values[0]
    return dict(zip(keys, value if len(keys) > 1 else [value], strict=True))


class _Parameters:
    def __init__(self, *values: object, **options: object) -> None:
        self.values = values


class _Approximately:
    def __init__(
        self, expected: object, rel: float | None = None, abs: float | None = None, nan_ok: bool = False
    ) -> None:
        self._expected, self._nan_ok = expected, nan_ok
        self._rel, self._abs = rel, abs

    def _near(self, got: Any, expected: object) -> bool:
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
        is_nan = self._nan_ok and expected != expected and got != got
        return is_nan or got == expected or abs(got - expected) <= most

    def __eq__(self, other: object) -> bool:
        return self._near(other, self._expected)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"


class _Raised:
    value: BaseException | None = None
    type: type[BaseException] | None = None

    def match(self, pattern: str) -> bool:
        import re

        assert re.search(pattern, str(self.value)), f"{pattern!r} is not found in {str(self.value)!r}"
        return True


def _raises(
    expected: type[BaseException] | tuple[type[BaseException], ...],
    *args: Any,
    match: str | None = None,
    **kwargs: object,
) -> _Raised | AbstractContextManager[_Raised]:
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


def _parametrize(
    names: str | Iterable[str], values: Iterable[object], **options: object
) -> Callable[[Any], Any]:
    def mark(test: Any) -> Any:
        test._parameters = [*getattr(test, "_parameters", ()), (names, list(values))]
        return test

    return mark


def _skip(reason: str = "", **options: object) -> NoReturn:
    raise Unfit(f"the test skips itself: {reason}")


def _fail(reason: str = "", **options: object) -> NoReturn:
    raise AssertionError(reason)


def _unknown(name: str) -> NoReturn:
    if name[:2] == "__":  # the import system asks for some
        raise AttributeError(name)
    raise Unfit(f"the sandbox has no pytest.{name}")


class _Mark:
    parametrize = staticmethod(_parametrize)

    def skip(self, *args: object, **options: object) -> object:
        """Mark a test as skipped. The mark may be used with or without parentheses."""

        def mark(test: Any) -> Any:
            test._is_skipped = True
            return test

        return mark(args[0]) if args and callable(args[0]) else mark

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name in ("skipif", "xfail"):
            raise Unfit(f"the test is marked {name}")
        return lambda *args, **options: args[0] if args and callable(args[0]) else lambda test: test


def _pytest() -> ModuleType:
    """Return a module with the few names of pytest that tests of single programs use."""
    module = ModuleType("pytest")
    vars(module).update(
        raises=_raises,
        approx=_Approximately,
        mark=_Mark(),
        param=_Parameters,
        skip=_skip,
        fail=_fail,
        main=lambda *args, **options: 0,  # tests that were not called are called after the file
        __getattr__=_unknown,
    )
    return module
