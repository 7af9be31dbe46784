"""What crosses from a test to the program: arguments, functions that the program may call, and replaced streams."""

from __future__ import annotations

import builtins
import inspect
import io
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from operator import attrgetter, itemgetter, methodcaller
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypedDict

from .references import reference
from .standin import CannotCross, number_of
from .values import Data, encode

Function = Callable[..., object]
_CALLABLES = (
    *(FunctionType, BuiltinFunctionType, MethodType, partial, attrgetter, itemgetter, methodcaller),
    *(type, type(str.join), type("".join), type(int.__add__), type((0).__add__)),
)
_PASSED: dict[object, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*{0}",
    inspect.Parameter.VAR_KEYWORD: "**{0}",
    inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
}
_ANSWERS: dict[str, Function] = {
    "input": lambda function, *args: function(*args),
    "print": lambda function, *args, **options: function(*args, **options) and None,  # a mock returns a mock
}


class _Default:
    """Placeholder for a default value, which is sent separately."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __repr__(self) -> str:
        return f"_defaults[{self._index}]"


class Passed:
    """The encoder of what a test passes to the program."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        """Those that the program may call, by number."""
        self.coroutines: dict[int, tuple[Coroutine[object, object, object], int]] = {}
        """Coroutines that stand in for the program's, by id, with the number of each."""

    def write(self, value: object) -> Data:
        return encode(value, self._write_other)

    def _write_other(self, value: object) -> Data:
        number = self.coroutines[id(value)][1] if id(value) in self.coroutines else number_of(value)
        if number is not None:
            return ["p", number]
        if isinstance(value, tuple) and "_rayboot_number" in vars(type(value)):
            return ["q", vars(type(value))["_rayboot_number"], *map(self.write, value)]
        if (found := reference(value)) is not None:
            return ["m", *found]
        if isinstance(value, BaseException):
            return self.write_exception(value, None)
        name = getattr(value, "__name__", "")
        if isinstance(name, str) and getattr(builtins, name, None) is value:
            return ["G", name]
        if isinstance(value, _CALLABLES):
            return self.write_function(value)
        is_file_or_mock = isinstance(value, io.IOBase) or hasattr(value, "assert_called")
        if hasattr(type(value), "__next__") and not is_file_or_mock:
            names = [name for name in dir(value) if name == "__next__" or name[:1] != "_"]
            methods = {
                name: getattr(value, name) for name in names if callable(getattr(type(value), name, None))
            }
            return ["j", {name: self.write_function(method) for name, method in methods.items()}]
        raise CannotCross(
            f"the test passes the program a {type(value).__name__}: the sandbox's limit is that only data, functions "
            "and iterators can be passed"
        )

    def write_exception(self, error: BaseException, number: int | None) -> Data:
        """Encode an exception. `number` is that of one that a function of the test has raised."""
        kept = number_of(error)
        if kept is not None:
            return ["p", kept]
        kind = type(error)
        known = next(part for part in kind.__mro__ if reference(part) or hasattr(builtins, part.__name__))
        return ["E", kind.__name__, [self.write(known)], number, *map(self.write, error.args)]

    def write_function(self, function: Function) -> Data:
        self.functions.append(function)
        name = str(getattr(function, "__name__", "function"))
        return ["k", len(self.functions) - 1, name, *self._described(function)]

    def _described(self, function: Function) -> list[object]:
        """Describe a function that was written in Python; return nothing for others.

        The description is a lambda that passes all its arguments on, and its defaults, docstring and annotations.
        """
        if not isinstance(function, FunctionType | MethodType):
            return []
        known = inspect.signature(function, follow_wrapped=False).parameters.values()
        defaults = [parameter.default for parameter in known if parameter.default is not parameter.empty]
        indices = iter(range(len(defaults)))
        bare = [
            parameter.replace(
                annotation=parameter.empty,
                default=parameter.empty if parameter.default is parameter.empty else _Default(next(indices)),
            )
            for parameter in known
        ]
        passed = ", ".join(_PASSED.get(parameter.kind, "{0}").format(parameter.name) for parameter in known)
        head = f"lambda {str(inspect.Signature(bare))[1:-1]}: _call({passed})"
        try:
            return [head, *map(self.write, (defaults, function.__doc__, function.__annotations__))]
        except CannotCross:
            return []


class Replaced(TypedDict, total=False):
    """What a test has replaced, as it crosses."""

    printing: list[str]
    """Names of the output streams."""
    stdin: str
    functions: dict[str, Data]
    argv: list[str] | None
    environ: dict[str, str | None]


class Surroundings:
    """Standard streams, `input`, `print`, arguments and environment, and whether the test replaces them."""

    def __init__(self) -> None:
        self._streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self._functions = {name: getattr(builtins, name) for name in ("input", "print")}
        self._argv, self._environ = list(sys.argv), _environment().copy()

    def replaced(self, passed: Passed) -> Replaced:
        """Return what the test has replaced.

        Streams, `input` and `print` are replaced for the duration of a call. Changed arguments and environment
        variables are sent once.
        """
        changed = [
            name for name, function in self._functions.items() if getattr(builtins, name) is not function
        ]
        streams = [name for name, stream in self._streams.items() if getattr(sys, name) is not stream]
        environ = _environment()
        if not changed and not streams and sys.argv == self._argv and environ == self._environ:
            return {}
        variables = {key: environ.get(key) for key in self._environ.keys() | environ.keys()}
        found: Replaced = {
            "printing": [name for name in streams if name != "stdin"],
            "functions": {
                name: passed.write_function(partial(_ANSWERS[name], getattr(builtins, name)))
                for name in changed
            },
            "argv": None if sys.argv == self._argv else list(map(str, sys.argv)),
            "environ": {
                os.fsdecode(key): None if value is None else os.fsdecode(value)
                for key, value in variables.items()
                if value != self._environ.get(key)
            },
        }
        self._argv, self._environ = list(sys.argv), environ.copy()
        if "stdin" in streams:
            found["stdin"] = sys.stdin.read()
        return found


def _environment() -> dict[str | bytes, str | bytes]:
    """Return the environment variables as Python stores them.

    Each request compares them all, and reading them through `os.environ` would decode each.
    """
    environ: Any = os.environ  # a test may have put a dictionary there
    kept: dict[str | bytes, str | bytes] = getattr(environ, "_data", environ)
    return kept


def take_back(replaced: Replaced, printed: list[object], read: object) -> None:
    """Write to the test's streams what the program has printed, and skip what it has read."""
    for name, text in zip(replaced["printing"], printed, strict=False):
        getattr(sys, name).write(str(text))
    if "stdin" in replaced and isinstance(sys.stdin, io.StringIO) and isinstance(read, int):
        sys.stdin.seek(sys.stdin.tell() - len(replaced["stdin"]) + read)
