"""The judge's side of its channel to the program: requests, and the replies to them."""

from __future__ import annotations

import builtins
import collections
import inspect
import io
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from functools import partial
from operator import attrgetter, itemgetter, methodcaller
from types import BuiltinFunctionType, FunctionType, MethodType, TracebackType
from typing import Any

from . import framing
from .literals import TEST_FILE
from .mutation import Shared
from .references import genuine, reference
from .standin import CannotCross, NotBelieved, Remote, local_exception, local_subclass, number_of
from .values import decode, encode, short_repr, shorten

_CALLABLES = (
    *(FunctionType, BuiltinFunctionType, MethodType, partial, attrgetter, itemgetter, methodcaller),
    *(type, type(str.join), type("".join), type(int.__add__), type((0).__add__)),
)


_UNCHANGING_NAMES = """
getattr len str repr bool hash eq isinstance issubclass is_a callable dir format
"""
_UNCHANGING = frozenset(_UNCHANGING_NAMES.split())
_ENDING = ("send", "throw", "__next__", "asend", "athrow")
"""Methods whose StopIteration is an answer. From other calls it would end a loop of the test unnoticed."""


def _not_an_end(error: BaseException) -> ProgramStopped:
    return ProgramStopped(error.__dict__["_from_program"], str(error))


_ANSWERS: dict[str, Callable[..., Any]] = {
    "input": lambda function, *args: function(*args),
    "print": lambda function, *args, **options: function(*args, **options) and None,  # a mock returns a mock
}
_PASSED: dict[object, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*{0}",
    inspect.Parameter.VAR_KEYWORD: "**{0}",
    inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
}


def _has_failed(error: BaseException) -> bool:
    return isinstance(error, AssertionError | NotBelieved) and number_of(error) is None


class _Default:
    """Placeholder for a default value, which is sent separately."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __repr__(self) -> str:
        return f"_defaults[{self._index}]"


class _Turn:
    """Awaitable that lets the other tasks of the event loop run."""

    def __await__(self) -> Generator[None]:
        yield


class ProgramStopped(BaseException):
    """The program raised what a test must not mistake for an answer, violated the protocol, or is gone."""

    def __init__(self, description: dict[str, Any] | None, message: str) -> None:
        super().__init__(message)
        self.description = description


def _environment() -> dict[Any, Any]:
    """Return the environment variables as Python stores them.

    Each request compares them all, and reading them through `os.environ` would decode each.
    """
    environ: Any = os.environ  # a test may have put a dictionary there
    kept: dict[Any, Any] = getattr(environ, "_data", environ)
    return kept


def _named(kind: Any) -> list[Any]:
    """Return the encoding of a class by its name.

    Raises:
        CannotCross: The program cannot find it by its name.
    """
    module, name = getattr(kind, "__module__", "__main__"), getattr(kind, "__qualname__", "")
    if not isinstance(kind, type) or module == "__main__" or "<locals>" in name:
        raise CannotCross(
            f"the test asks whether something of the program's is a {name or kind}: the sandbox's limit is that only "
            "classes of modules are known there"
        )
    return ["m", module, name]


class Link:
    """Channel for requests to the program, one at a time, each with its number."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._number = 0
        self._lock = threading.RLock()
        self._standins: dict[int, Any] = {}
        self._shared = Shared(1)
        self._callbacks: list[Callable[..., Any]] = []
        self._raised: list[BaseException] = []
        self._coroutines: dict[int, tuple[Any, int]] = {}
        self.is_busy = False
        """Whether the program may work while the test does nothing: coroutines, and threads that call back."""
        self._streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self._argv, self._environ = list(sys.argv), _environment().copy()
        self._functions = {name: getattr(builtins, name) for name in ("input", "print")}
        self.named: set[str] = set()
        """Names in the tests that may be those of the program's own classes, and not of functions."""
        self.changes = 0
        """Number of requests so far that may have changed objects of the program."""
        self.reached = False
        """Whether the test has used the program."""
        self.is_reporting = False
        self.swallowed: list[BaseException] = []
        """Failures of the test's own, in functions that the program called, which the program has not reported."""
        self.raising_lines: set[int] = set()
        """Lines on which the test fails on purpose."""
        self.last_asserts: dict[int, int] = {}
        """Last line of the last assert in a `with` statement, by the statement's line."""
        self.last_call = ""
        self.last_result: Any = None
        self.given: dict[int, Remote] = {}
        """Objects received since the last call, by number."""

    def start(self, number: int) -> None:
        self._number = number
        self.reached = False
        self.swallowed.clear()
        self.last_call, self.last_result = "", None

    def decides(self, error: BaseException, trace: TracebackType | None) -> bool:
        """Return whether no context manager of the program may swallow it: the test failed, or asserts were skipped."""
        if _has_failed(error):
            return True
        if trace is None or trace.tb_frame.f_code.co_filename != TEST_FILE:
            return False
        return trace.tb_lineno <= self.last_asserts.get(trace.tb_frame.f_lineno, 0)

    def names(self, names: list[str]) -> dict[str, Any]:
        """Return what the program binds these names to."""
        found = self._request("names", names)
        if not isinstance(found, dict):
            raise ProgramStopped(None, "a malformed reply")
        self.reached = self.reached or bool(found)
        return {name: self._read(data, name) for name, data in found.items() if name in names}

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str = "") -> Any:
        shown = [
            *(self._shown(arg) for arg in args),
            *(f"{key}={self._shown(value)}" for key, value in kwargs.items()),
        ]
        self.last_call = shorten(f"{name or '<function>'}({', '.join(shown)})", 400)
        self.changes += not (
            type(function) is Remote and object.__getattribute__(function, "_about").get("is_class")
        )
        keywords = {key: self._write_shared(value) for key, value in kwargs.items()}
        arguments = [self._write_shared(arg) for arg in args]
        try:
            value = self._request("call", self._write(function), arguments, keywords)
        except (StopIteration, StopAsyncIteration) as error:
            raise (error if name in _ENDING else _not_an_end(error)) from None
        self.given.clear()
        self.last_result = self.read(value)
        return self.last_result

    def call_standard(self, module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the program's copy of a standard library function."""
        keywords = {key: self._write(value) for key, value in kwargs.items()}
        written = [self._write(arg) for arg in args]
        return self.read(self._request("call", ["m", module, name], written, keywords))

    def read(self, data: Any) -> Any:
        return self._read(data, "")

    def _shown(self, value: Any) -> str:
        reporting, self.is_reporting = self.is_reporting, True
        try:
            return short_repr(value)
        finally:
            self.is_reporting = reporting

    def operate(self, operation: str, target: Any, *arguments: Any) -> Any:
        self.changes += operation not in _UNCHANGING
        try:
            value = self._request(
                "operate", operation, self._write(target), [self._write_shared(value) for value in arguments]
            )
        except (StopIteration, StopAsyncIteration) as error:
            raise (error if operation in ("next", "anext") else _not_an_end(error)) from None
        return self._read(value, str(arguments[0]) if operation == "getattr" else "")

    def is_of(self, operation: str, target: Any, kind: Any) -> bool:
        """Return the result of `is_a` or `issubclass` with the program's copy of a class, whichever module has it."""
        written = self._write(kind) if reference(kind) or number_of(kind) is not None else _named(kind)
        return bool(self.read(self._request("operate", operation, self._write(target), [written])))

    def ask(self, what: str, target: Any) -> Any:
        """Request `state` or `data` of the target; or `step` or `cancel` of the task that awaits it."""
        self.changes += what in ("step", "cancel")
        return self.read(self._request(what, self._write(target)))

    async def awaited(self, remote: Any) -> Any:
        """Await an object of the program, which continues there while this process awaits other things, too."""
        import asyncio  # few tests need it, and importing it takes a while

        self.is_busy = True
        try:
            while not (result := self.ask("step", remote)):
                await _Turn()
        except asyncio.CancelledError as error:
            if "_from_program" not in error.__dict__:
                self.ask("cancel", remote)
            raise
        return result[0]

    def _request(self, what: str, *details: Any) -> Any:
        with self._lock:
            self.reached = self.reached or what != "names"
            surroundings = self._surroundings()
            request = [*(("within", surroundings) if surroundings else ()), what, *details]
            changed = self._shared.changes(self._write)
            self.changes += bool(changed)
            unused = self._shared.unused()
            if unused or changed:
                request = ["synchronized", changed, unused, *request]
            kind, value, more = self._exchange(*request)
            if not isinstance(more, dict):
                raise ProgramStopped(None, "a malformed reply")
            if surroundings:
                self._after(surroundings, more.pop("printed", []), more.pop("read", 0))
            try:
                self._shared.apply(more, self.read)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise ProgramStopped(None, "a malformed reply") from error
        if kind == "ok":
            return value
        raise self._exception(value)

    def _exchange(self, *request: Any) -> list[Any]:
        self._number += 1
        number = self._number
        try:
            framing.send(self._channel, [[number, *request]])
            reply = framing.receive(self._channel, framing.MAX_FRAME)
            while isinstance(reply, list) and len(reply) == 4 and reply[0] == "callback":
                framing.send(self._channel, self._answer_callback(*reply[1:]))
                reply = framing.receive(self._channel, framing.MAX_FRAME)
        except (OSError, EOFError) as error:
            raise ProgramStopped(None, "gone") from error
        except (ValueError, RecursionError) as error:
            raise ProgramStopped(None, "a malformed reply") from error
        if not (isinstance(reply, list) and len(reply) == 4 and reply[0] == number):
            raise ProgramStopped(None, "a reply to another question")
        return reply[1:]

    def _surroundings(self) -> dict[str, Any]:
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
        functions = {
            name: self._callback(partial(_ANSWERS[name], getattr(builtins, name))) for name in changed
        }
        gone = dict.fromkeys(self._environ.keys() - environ.keys())
        differing = {key: value for key, value in environ.items() if self._environ.get(key) != value}
        variables = {
            os.fsdecode(key): None if value is None else os.fsdecode(value)
            for key, value in (gone | differing).items()
        }
        found: dict[str, Any] = {
            "printing": [name for name in streams if name != "stdin"],
            "functions": functions,
            "argv": None if sys.argv == self._argv else list(map(str, sys.argv)),
            "environ": variables,
        }
        self._argv, self._environ = list(sys.argv), environ.copy()
        if "stdin" in streams:
            found["stdin"] = sys.stdin.read()
        return found

    def _after(self, surroundings: dict[str, Any], printed: Any, read: Any) -> None:
        for name, text in zip(surroundings["printing"], printed, strict=False):
            getattr(sys, name).write(str(text))
        if "stdin" in surroundings and isinstance(sys.stdin, io.StringIO) and isinstance(read, int):
            sys.stdin.seek(sys.stdin.tell() - len(surroundings["stdin"]) + read)

    def _answer_callback(self, number: Any, arguments: Any, keywords: Any) -> list[Any]:
        """Call a function of the test for the program."""
        try:
            values = [self._read(argument, "") for argument in arguments]
            named = {str(name): self._read(value, "") for name, value in keywords.items()}
            return ["ok", self._write(self._callbacks[number](*values, **named))]
        except Exception as error:
            self._raised.append(error)
            *_, (frame, line) = traceback.walk_tb(error.__traceback__)
            is_meant = frame.f_code.co_filename == TEST_FILE and line in self.raising_lines
            if _has_failed(error) and not is_meant:
                self.swallowed.append(error)
            return ["raised", self._write_exception(error, len(self._raised) - 1)]

    def _exception(self, description: Any) -> BaseException:
        """Return the program's exception as one of the judge's own."""
        if not (isinstance(description, dict) and isinstance(description.get("types"), list)):
            return ProgramStopped(None, "a malformed reply")
        message = str(description.get("message"))
        error = self._read(description.get("value"), "")
        if not isinstance(error, BaseException):
            return ProgramStopped(description, message)
        reported: list[BaseException] = []
        part: BaseException | None = error
        while part is not None and part not in reported:
            reported.append(part)
            part = part.__cause__ or part.__context__
        self.swallowed = [failure for failure in self.swallowed if failure not in reported]
        error.__dict__["_from_program"] = description
        error.__traceback__ = None
        return error

    def _write(self, value: Any) -> Any:
        return encode(value, self._write_other)

    def _write_shared(self, value: Any) -> Any:
        return self._shared.write(value, self._write(value))

    def _write_other(self, value: Any) -> list[Any]:
        number = self._coroutines[id(value)][1] if id(value) in self._coroutines else number_of(value)
        if number is not None:
            return ["p", number]
        if isinstance(value, tuple) and "_rayboot_number" in vars(type(value)):
            return ["q", type(value)._rayboot_number, *map(self._write, value)]  # type: ignore[attr-defined]
        if (found := reference(value)) is not None:
            return ["m", *found]
        if isinstance(value, BaseException):
            return self._write_exception(value, None)
        name = getattr(value, "__name__", "")
        if isinstance(name, str) and getattr(builtins, name, None) is value:
            return ["G", name]
        if isinstance(value, _CALLABLES):
            return self._callback(value)
        is_file_or_mock = isinstance(value, io.IOBase) or hasattr(value, "assert_called")
        if hasattr(type(value), "__next__") and not is_file_or_mock:
            names = [name for name in dir(value) if name == "__next__" or name[:1] != "_"]
            methods = {
                name: getattr(value, name) for name in names if callable(getattr(type(value), name, None))
            }
            return ["j", {name: self._callback(method) for name, method in methods.items()}]
        raise CannotCross(
            f"the test passes the program a {type(value).__name__}: the sandbox's limit is that only data, functions "
            "and iterators can be passed"
        )

    def _callback(self, function: Callable[..., Any]) -> list[Any]:
        self._callbacks.append(function)
        self.is_busy = True
        name = str(getattr(function, "__name__", "function"))
        return ["k", len(self._callbacks) - 1, name, *self._described(function)]

    def _described(self, function: Any) -> list[Any]:
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
            return [head, *map(self._write, (defaults, function.__doc__, function.__annotations__))]
        except CannotCross:
            return []

    def _write_exception(self, error: BaseException, number: int | None) -> list[Any]:
        kept = number_of(error)
        if kept is not None:
            return ["p", kept]
        kind = type(error)
        known = next(part for part in kind.__mro__ if reference(part) or hasattr(builtins, part.__name__))
        return ["E", kind.__name__, [self._write(known)], number, *[self._write(arg) for arg in error.args]]

    def _read(self, data: Any, name: str) -> Any:
        try:
            return decode(data, lambda tagged: self._read_other(tagged, name))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ProgramStopped(None, "a malformed reply") from error

    def _read_other(self, data: list[Any], name: str) -> Any:
        if data[0] == "m":
            return genuine(*data[1:])
        if data[0] == "&":
            return self._shared.read(data[1], data[2], self.read)
        if data[0] == "p":
            _, number, about = data
            base_data = None
        elif data[0] == "h":
            _, number, about, base_data = data
        else:
            raise ValueError(f"unknown tag {data[0]!r}")
        if type(number) is not int or not isinstance(about, dict):
            raise ValueError("not a number and a description")
        if number not in self._standins:
            made = self._made(number, about, name, base_data)
            self._standins.setdefault(number, made)
        found = self._standins[number]
        if type(found) is Remote:
            known: dict[str, Any] = object.__getattribute__(found, "_about")
            known["truth"] = bool(about.get("truth"))
            if "state" in about:
                given = self.given.copy()
                known["state"] = (self._read(about["state"], ""), self.changes)
                self.given = given  # without the objects that it consists of
            self.given[number] = found
        return found

    def _made(self, number: int, about: dict[str, Any], name: str, base_data: Any) -> Any:
        """Return a stand-in for a value of the program."""
        own_name = str(about.get("name"))
        if "fields" in about:
            fields, defaults = [str(field) for field in about["fields"]], self._read(about["defaults"], "")
            kind = collections.namedtuple(own_name, fields, defaults=defaults)  # type: ignore[misc]
            kind._rayboot_number = number  # type: ignore[attr-defined]
            return kind
        if "bases" in about:
            bases = [
                base for base in (self._read(base, "") for base in about["bases"]) if isinstance(base, type)
            ]
            return local_exception(self, number, own_name, tuple(bases))
        if "error" in about:
            return self._made_exception(number, about)
        if about.get("kind") == "awaitable":
            return self._awaitable(number, about)
        if about.get("kind") == "async generator":
            return self._async_generator(number, about)
        if base_data is not None:
            value = self._read(base_data, "")
            known = self._read(about["tuple"], "") if "tuple" in about else None
            if isinstance(known, type) and issubclass(known, tuple) and isinstance(value, tuple):
                return known(*value)
            if type(value) not in (list, dict, set, bytearray):
                return local_subclass(self, number, about, value)
        return Remote(self, number, about, name or own_name)

    def _made_exception(self, number: int, about: dict[str, Any]) -> BaseException:
        of_the_test = about.get("of_the_test")
        if type(of_the_test) is int:
            return self._raised[of_the_test]
        kind = self._read(about["error"], "")
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError("not an exception")
        args = [self._read(arg, "") for arg in about["args"]]
        inner = [
            error
            for error in (self._read(e, "") for e in about.get("exceptions", []))
            if isinstance(error, Exception)
        ]
        made_of = [self._read(arg, "") for arg in about.get("made_of", about["args"])]
        builtin: Any = next(part for part in kind.__mro__ if "_rayboot_number" not in vars(part))
        if issubclass(kind, BaseExceptionGroup):
            made_of = [str(args[0]), inner]
        error: BaseException = builtin.__new__(kind, *made_of)
        with suppress(Exception):  # some take other arguments than they store
            builtin.__init__(error, *made_of)
        error.args = tuple(args)
        error.__dict__.update(self._read(about["attributes"], ""))
        error.__dict__["_remote"] = Remote(self, number, {**about, "equal": "identity"}, "")
        error.__dict__["_text"] = str(about.get("message"))
        self._standins[number] = error
        for name in ("__cause__", "__context__"):
            other = self._read(about.get(name), "")
            if isinstance(other, BaseException):
                setattr(error, name, other)
        return error

    def _awaitable(self, number: int, about: dict[str, Any]) -> Any:
        coroutine = self.awaited(Remote(self, number, about, ""))
        self._coroutines[id(coroutine)] = (coroutine, number)
        return coroutine

    def _async_generator(self, number: int, about: dict[str, Any]) -> AsyncIterator[Any]:
        remote = Remote(self, number, about, "")

        async def items() -> AsyncIterator[Any]:
            while True:
                try:
                    yield await self.operate("anext", remote)
                except StopAsyncIteration:
                    return

        return items()
