"""The judge's side of its channel to the program: requests, and what the replies to them stand for."""

from __future__ import annotations

import collections
import socket
import threading
import traceback
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, cast

from . import framing
from .asserts import TEST_FILE
from .mutation import Shared
from .passing import Passed, Surroundings, take_back
from .references import genuine, reference
from .standin import (
    CannotCross,
    NotBelieved,
    Remote,
    about_of,
    learn_state,
    local_exception,
    local_subclass,
    number_of,
)
from .values import About, Data, decode, short_repr, shorten

_UNCHANGING_NAMES = """
getattr len str repr bool hash eq isinstance issubclass is_a callable dir format
"""
_UNCHANGING = frozenset(_UNCHANGING_NAMES.split())
_ENDING = ("send", "throw", "__next__", "asend", "athrow")
"""Methods whose StopIteration is an answer. From other calls it would end a loop of the test unnoticed."""


class _Turn:
    """Awaitable that lets the other tasks of the event loop run."""

    def __await__(self) -> Generator[None]:
        yield


class ProgramStopped(BaseException):
    """The program raised what a test must not mistake for an answer, violated the protocol, or is gone."""

    def __init__(self, description: dict[str, object] | None, message: str = "a malformed reply") -> None:
        super().__init__(message)
        self.description = description


def _not_an_end(error: BaseException) -> ProgramStopped:
    return ProgramStopped(error.__dict__["_from_program"], str(error))


def _has_failed(error: BaseException) -> bool:
    return isinstance(error, AssertionError | NotBelieved) and number_of(error) is None


def _named(kind: object) -> Data:
    """Return the encoding of a class by its name. Raise CannotCross if the program cannot find it by its name."""
    module, name = getattr(kind, "__module__", "__main__"), getattr(kind, "__qualname__", "")
    if not isinstance(kind, type) or module == "__main__" or "<locals>" in name:
        raise CannotCross(
            f"the test asks whether something of the program's is a {name or kind}: the sandbox's limit is that only "
            "classes of modules are known there"
        )
    return ["m", module, name]


class Link:
    """Channel for requests to the program, one at a time, each with its number."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._number = 0
        self._lock = threading.RLock()
        self._standins: dict[int, object] = {}
        self._shared = Shared(1)
        self._passed = Passed()
        self._write = self._passed.write
        self._surroundings = Surroundings()
        self._raised: list[BaseException] = []
        self._has_awaited = False
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
        self.last_result: object = None
        self.given: dict[int, Remote] = {}
        """Objects received since the last call, by number."""

    def start(self, number: int) -> None:
        self._number = number
        self.reached = False
        self.swallowed.clear()
        self.last_call, self.last_result = "", None

    @property
    def is_busy(self) -> bool:
        """Whether the program may work while the test does nothing: coroutines, and threads that call back."""
        return self._has_awaited or bool(self._passed.functions)

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
            raise ProgramStopped(None)
        self.reached = self.reached or bool(found)
        return {name: self.read(data, name) for name, data in found.items() if name in names}

    def call(
        self, function: object, args: tuple[object, ...], kwargs: dict[str, object], name: str = ""
    ) -> Any:
        shown = [
            *(self._shown(arg) for arg in args),
            *(f"{key}={self._shown(value)}" for key, value in kwargs.items()),
        ]
        self.last_call = shorten(f"{name or '<function>'}({', '.join(shown)})", 400)
        self.changes += not (type(function) is Remote and about_of(function).get("is_class"))
        keywords = {key: self._write_shared(value) for key, value in kwargs.items()}
        arguments = [self._write_shared(arg) for arg in args]
        try:
            value = self._request("call", self._write(function), arguments, keywords)
        except (StopIteration, StopAsyncIteration) as error:
            raise (error if name in _ENDING else _not_an_end(error)) from None
        self.given.clear()
        self.last_result = self.read(value)
        return self.last_result

    def call_standard(
        self, module: str, name: str, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        """Call the program's copy of a standard library function."""
        keywords = {key: self._write(value) for key, value in kwargs.items()}
        written = [self._write(arg) for arg in args]
        return self.read(self._request("call", ["m", module, name], written, keywords))

    def _shown(self, value: object) -> str:
        reporting, self.is_reporting = self.is_reporting, True
        try:
            return short_repr(value)
        finally:
            self.is_reporting = reporting

    def operate(self, operation: str, target: object, *arguments: object) -> Any:
        self.changes += operation not in _UNCHANGING
        try:
            value = self._request(
                "operate", operation, self._write(target), [self._write_shared(value) for value in arguments]
            )
        except (StopIteration, StopAsyncIteration) as error:
            raise (error if operation in ("next", "anext") else _not_an_end(error)) from None
        return self.read(value, str(arguments[0]) if operation == "getattr" else "")

    def is_of(self, operation: str, target: object, kind: object) -> bool:
        """Return the result of `is_a` or `issubclass` with the program's copy of a class, whichever module has it."""
        written = self._write(kind) if reference(kind) or number_of(kind) is not None else _named(kind)
        return bool(self.read(self._request("operate", operation, self._write(target), [written])))

    def ask(self, what: str, target: Remote) -> Any:
        """Request `state` or `data` of the target; or `step` or `cancel` of the task that awaits it."""
        self.changes += what in ("step", "cancel")
        return self.read(self._request(what, self._write(target)))

    async def awaited(self, remote: Remote) -> object:
        """Await an object of the program, which continues there while this process awaits other things, too."""
        import asyncio  # few tests need it, and importing it takes a while

        self._has_awaited = True
        try:
            while not (result := self.ask("step", remote)):
                await _Turn()
        except asyncio.CancelledError as error:
            if "_from_program" not in error.__dict__:
                self.ask("cancel", remote)
            raise
        return result[0]

    def _write_shared(self, value: object) -> Data:
        return self._shared.write(value, self._write(value))

    def _request(self, what: str, *details: object) -> object:
        with self._lock:
            self.reached = self.reached or what != "names"
            replaced = self._surroundings.replaced(self._passed)
            request = [*(("within", replaced) if replaced else ()), what, *details]
            changed = self._shared.changes(self._write)
            self.changes += bool(changed)
            unused = self._shared.unused()
            if unused or changed:
                request = ["synchronized", changed, unused, *request]
            kind, value, more = self._exchange(*request)
            if not isinstance(more, dict):
                raise ProgramStopped(None)
            if replaced:
                take_back(replaced, more.pop("printed", []), more.pop("read", 0))
            try:
                self._shared.apply(more, self.read)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise ProgramStopped(None) from error
        if kind == "ok":
            return value
        raise self._exception(value)

    def _exchange(self, *request: object) -> list[Any]:
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
            raise ProgramStopped(None) from error
        if not (isinstance(reply, list) and len(reply) == 4 and reply[0] == number):
            raise ProgramStopped(None, "a reply to another question")
        return reply[1:]

    def _answer_callback(self, number: Any, arguments: Any, keywords: Any) -> list[object]:
        """Call a function of the test for the program."""
        try:
            values = [self.read(argument) for argument in arguments]
            named = {str(name): self.read(value) for name, value in keywords.items()}
            return ["ok", self._write(self._passed.functions[number](*values, **named))]
        except Exception as error:
            self._raised.append(error)
            *_, (frame, line) = traceback.walk_tb(error.__traceback__)
            is_meant = frame.f_code.co_filename == TEST_FILE and line in self.raising_lines
            if _has_failed(error) and not is_meant:
                self.swallowed.append(error)
            return ["raised", self._passed.write_exception(error, len(self._raised) - 1)]

    def _exception(self, description: object) -> BaseException:
        """Return the program's exception as one of the judge's own."""
        if not (isinstance(description, dict) and isinstance(description.get("type"), str)):
            return ProgramStopped(None)
        error = self.read(description.get("value"))
        if not isinstance(error, BaseException):
            return ProgramStopped(description, str(description.get("message")))
        reported: list[BaseException] = []
        part: BaseException | None = error
        while part is not None and part not in reported:
            reported.append(part)
            part = part.__cause__ or part.__context__
        self.swallowed = [failure for failure in self.swallowed if failure not in reported]
        error.__dict__["_from_program"] = description
        error.__traceback__ = None
        return error

    def read(self, data: object, name: str = "") -> Any:
        """Return the value that the program reports. `name` is that under which the test has it."""
        try:
            return decode(data, lambda tagged: self._read_other(tagged, name))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ProgramStopped(None) from error

    def _read_other(self, data: list[Any], name: str) -> object:
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
            made = self._made(number, cast(About, about), name, base_data)
            self._standins.setdefault(number, made)
        found = self._standins[number]
        if type(found) is Remote:
            if "state" in about:
                given = self.given.copy()
                learn_state(found, self.read(about["state"]))
                self.given = given  # without the objects that it consists of
            self.given[number] = found
        return found

    def _made(self, number: int, about: About, name: str, base_data: object) -> object:
        """Return a stand-in for a value of the program."""
        own_name = str(about.get("name"))
        if "fields" in about:
            fields, defaults = [str(field) for field in about["fields"]], self.read(about["defaults"])
            make: Any = collections.namedtuple
            kind = make(own_name, fields, defaults=defaults)
            kind._rayboot_number = number
            return kind
        if "bases" in about:
            bases = [base for base in map(self.read, about["bases"]) if isinstance(base, type)]
            return local_exception(self, number, own_name, tuple(bases))
        if "error" in about:
            return self._made_exception(number, about)
        if about.get("kind") == "awaitable":
            coroutine: Coroutine[object, object, object] = self.awaited(Remote(self, number, about, ""))
            self._passed.coroutines[id(coroutine)] = (coroutine, number)
            return coroutine
        if about.get("kind") == "async generator":
            return self._async_generator(Remote(self, number, about, ""))
        if base_data is not None:
            value = self.read(base_data)
            known = self.read(about["tuple"]) if "tuple" in about else None
            if isinstance(known, type) and issubclass(known, tuple) and isinstance(value, tuple):
                return known(*value)
            if type(value) not in (list, dict, set, bytearray):
                return local_subclass(self, number, about, value)
        return Remote(self, number, about, name or own_name)

    def _made_exception(self, number: int, about: About) -> BaseException:
        of_the_test = about.get("of_the_test")
        if type(of_the_test) is int:
            return self._raised[of_the_test]
        kind = self.read(about["error"])
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError("not an exception")
        args = [self.read(arg) for arg in about["args"]]
        made_of = [self.read(arg) for arg in about.get("made_of", about["args"])]
        if issubclass(kind, BaseExceptionGroup):
            inner = [self.read(error) for error in about.get("exceptions", [])]
            made_of = [str(args[0]), [error for error in inner if isinstance(error, Exception)]]
        builtin: Any = next(part for part in kind.__mro__ if "_rayboot_number" not in vars(part))
        error: BaseException = builtin.__new__(kind, *made_of)
        with suppress(Exception):  # some take other arguments than they store
            builtin.__init__(error, *made_of)
        error.args = tuple(args)
        error.__dict__.update(self.read(about["attributes"]))
        error.__dict__["_remote"] = Remote(self, number, {**about, "equal": "identity"}, "")
        error.__dict__["_text"] = str(about.get("message"))
        self._standins[number] = error
        for name in ("__cause__", "__context__"):
            other = self.read(about.get(name))
            if isinstance(other, BaseException):
                setattr(error, name, other)
        return error

    async def _async_generator(self, remote: Remote) -> AsyncIterator[object]:
        while True:
            try:
                yield await self.operate("anext", remote)
            except StopAsyncIteration:
                return
