"""The judge's side of its conversation with the program: values that stayed there, and calls to its functions."""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from . import framing
from .mutation import bring_up_to_date
from .values import decode, encode, short_repr, shorten

_GENUINE = """
bisect cmath collections copy datetime decimal fractions functools heapq itertools json math operator random re
statistics string sys time typing numpy
"""
GENUINE_MODULES = frozenset(_GENUINE.split())
"""Modules that a test may have from the program's imports: the judge uses its own copy."""


class ProgramStopped(BaseException):
    """The program raised what a test must not mistake for an answer, broke the conversation, or is gone."""

    def __init__(self, description: dict[str, Any] | None, message: str) -> None:
        super().__init__(message)
        self.description = description


class CannotCross(BaseException):
    """The test passes the program a value that is neither plain data nor a function."""


class Link:
    """Requests to the program, one at a time, each with its number."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._number = 0
        self._remotes: dict[int, Any] = {}
        self._callbacks: list[Any] = []
        self._exceptions: dict[str, type[BaseException]] = {}
        self.last_call = ""
        self.last_result: Any = None

    def start(self, number: int) -> None:
        self._number = number
        self.last_call, self.last_result = "", None

    def names(self, names: list[str]) -> dict[str, Any]:
        """What the program binds these names to."""
        found, _ = self._request("names", names)
        if not isinstance(found, dict):
            raise ProgramStopped(None, "a malformed reply")
        return {name: self._read(data, name) for name, data in found.items() if name in names}

    def call(self, function: Remote, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = object.__getattribute__(function, "_name") or "<function>"
        shown = [
            *(short_repr(arg) for arg in args),
            *(f"{key}={short_repr(value)}" for key, value in kwargs.items()),
        ]
        self.last_call = shorten(f"{name}({', '.join(shown)})", 400)
        keywords = {key: self._write(value) for key, value in kwargs.items()}
        value, changed = self._request(
            "call", self._write(function), [self._write(arg) for arg in args], keywords
        )
        try:
            for index, data in changed.items():
                bring_up_to_date(args[int(index)], self._read(data, ""))
            is_argument = isinstance(value, list) and value[:1] == ["a"]
            self.last_result = args[value[1]] if is_argument else self._read(value, "")
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ProgramStopped(None, "a malformed reply") from error
        return self.last_result

    def operate(self, operation: str, target: Remote, *arguments: Any) -> Any:
        stop = StopIteration if operation == "next" else None
        value, _ = self._request(
            "operate", operation, self._write(target), [self._write(a) for a in arguments], stop=stop
        )
        return self._read(value, str(arguments[0]) if operation == "getattr" else "")

    def _request(self, what: str, *details: Any, stop: type[BaseException] | None = None) -> list[Any]:
        self._number += 1
        try:
            framing.send(self._channel, [[self._number, what, *details]])
            reply = framing.receive(self._channel, framing.MAX_FRAME)
            while isinstance(reply, list) and len(reply) == 3 and reply[0] == "callback":
                framing.send(self._channel, self._answer_callback(*reply[1:]))
                reply = framing.receive(self._channel, framing.MAX_FRAME)
        except (OSError, EOFError) as error:
            raise ProgramStopped(None, "gone") from error
        except (ValueError, RecursionError) as error:
            raise ProgramStopped(None, "a malformed reply") from error
        if not (isinstance(reply, list) and len(reply) == 4 and reply[0] == self._number):
            raise ProgramStopped(None, "a reply to another question")
        if reply[1] == "ok":
            return reply[2:]
        raise self._exception(reply[2], stop)

    def _answer_callback(self, number: Any, arguments: Any) -> list[Any]:
        """Call a function of the test's for the program."""
        try:
            values = [self._read(argument, "") for argument in arguments]
            return ["ok", self._write(self._callbacks[number](*values))]
        except Exception as error:
            return ["raised", type(error).__name__, str(error)]

    def _exception(self, description: Any, stop: type[BaseException] | None) -> BaseException:
        """The program's exception as the judge's own class of that name, or of its nearest builtin base."""
        if not (isinstance(description, dict) and isinstance(description.get("types"), list)):
            return ProgramStopped(None, "a malformed reply")
        message = str(description.get("message"))
        if description.get("stopped") and stop is not None:
            return stop()
        for name in description["types"]:
            kind = self._exceptions.get(str(name)) or getattr(builtins, str(name), None)
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                continue
            if issubclass(
                kind, StopIteration | StopAsyncIteration
            ):  # it would end the test's own loop, unseen
                break
            try:
                error = kind(message)
            except TypeError:  # UnicodeDecodeError wants five arguments
                continue
            error.__dict__["_from_program"] = description
            return error
        return ProgramStopped(description, message)

    def _write(self, value: Any) -> Any:
        return encode(value, self._write_other)

    def _write_other(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["p", object.__getattribute__(value, "_number")]
        name = getattr(value, "__name__", "")
        if isinstance(value, ModuleType):
            return ["m", name]
        if getattr(builtins, name, None) is value:
            return ["G", name]
        if isinstance(value, FunctionType | BuiltinFunctionType | MethodType):
            self._callbacks.append(value)
            return ["k", len(self._callbacks) - 1]
        raise CannotCross(f"a test passes the program a {type(value).__name__}, which cannot leave the judge")

    def _read(self, data: Any, name: str) -> Any:
        try:
            return decode(data, lambda tagged: self._read_other(tagged, name))
        except (ValueError, TypeError, RecursionError) as error:
            raise ProgramStopped(None, "a malformed reply") from error

    def _read_other(self, data: list[Any], name: str) -> Any:
        if data[0] == "m" and data[1] in GENUINE_MODULES:
            return importlib.import_module(data[1])
        if data[0] != "p":
            raise ValueError(f"unknown tag {data[0]!r}")
        _, number, own_name, bases, type_name, text, truth = data
        if number not in self._remotes:
            known = [getattr(builtins, str(base), None) for base in bases]
            base = next(
                (kind for kind in known if isinstance(kind, type) and issubclass(kind, BaseException)), None
            )
            if base is not None:
                self._remotes[number] = self._exceptions[str(own_name)] = type(str(own_name), (base,), {})
            else:
                self._remotes[number] = Remote(
                    self, int(number), name or str(own_name), str(type_name), str(text)
                )
        if isinstance(self._remotes[number], Remote):
            object.__setattr__(self._remotes[number], "_truth", bool(truth))
        return self._remotes[number]


class Remote:
    """A value that stayed in the program. Equal to itself alone: its own `__eq__` is never asked."""

    def __init__(self, link: Link, number: int, name: str, type_name: str, text: str) -> None:
        for key, value in {
            "link": link,
            "number": number,
            "name": name,
            "text": text[:200],
            "truth": True,
        }.items():
            object.__setattr__(self, f"_{key}", value)
        object.__setattr__(self, "__name__", name or type_name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _link(self).call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return _link(self).operate("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _link(self).operate("setattr", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return _link(self).operate("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _link(self).operate("setitem", self, key, value)

    def __len__(self) -> int:
        return int(_link(self).operate("len", self))

    def __iter__(self) -> Iterator[Any]:
        iterator = _link(self).operate("iter", self)
        return iterator if isinstance(iterator, Remote) else iter(iterator)

    def __next__(self) -> Any:
        return _link(self).operate("next", self)

    def __contains__(self, value: Any) -> bool:
        return any(item is value or item == value for item in self)

    def __bool__(self) -> bool:
        return bool(object.__getattribute__(self, "_truth"))

    def __str__(self) -> str:
        return str(_link(self).operate("str", self))

    def __repr__(self) -> str:
        return str(object.__getattribute__(self, "_text"))

    def __instancecheck__(self, value: Any) -> bool:
        return bool(_link(self).operate("isinstance", self, value))


def _link(remote: Remote) -> Link:
    link: Link = object.__getattribute__(remote, "_link")
    return link
