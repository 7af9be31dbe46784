"""The program's own process: it runs the program, then answers requests.

Nothing here has to resist the program, which can change all of it: an answer is only data, and is judged elsewhere.
"""

from __future__ import annotations

import base64
import builtins
import copy
import importlib
import io
import linecache
import marshal
import math
import operator
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from types import CodeType
from typing import TYPE_CHECKING, Any

from . import framing
from .mutation import Shared
from .objects import Objects, state_of
from .program import FILE, MODULE_NAME, describe, load
from .streams import flush
from .values import Data, base_type, base_value, decode

if TYPE_CHECKING:
    import asyncio

    from .passing import Replaced

_MOMENT, _TIME_TO_CANCEL = 0.005, 1.0
"""Seconds."""


def show_source(source: str) -> None:
    """Let `inspect.getsource` and tracebacks find the program's lines."""
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)


def serve(channel: socket.socket, code: CodeType | str, prelude: str, setup_code: str) -> None:
    """Run the program as a module (its `__name__` is not `__main__`), then answer requests until the channel closes.

    It first sends `["syntax", ...]`, `["raised", ...]` or `["ready"]`. A message to it is a list of requests
    `[number, what, ...]`. It sends one reply to each, `[number, "ok", value, changed]` or
    `[number, "raised", exception, changed]`, with the shared containers (`mutation.py`) that have changed.
    """
    compiled, namespace = load(channel, code, MODULE_NAME, prelude)
    try:
        exec(compiled, namespace)
        if setup_code:
            exec(compile(setup_code, "<setup>", "exec", dont_inherit=True), namespace)
    except BaseException as error:
        flush()
        framing.send(channel, ["raised", describe(error)])
        return
    flush()
    framing.send(channel, ["ready"])
    _Answers(channel, namespace).loop()


class _Answers:
    """The answers to a judge's requests: a method for each kind of request."""

    def __init__(self, channel: socket.socket, namespace: dict[str, Any]) -> None:
        self._channel = channel
        self._namespace = namespace
        self._objects = Objects()
        self._encode = self._objects.encode
        self._shared = Shared(2)
        self._receiving, self._sending = threading.RLock(), threading.Lock()
        """Threads of the program that call functions of the test do so one by one, while a request is answered."""
        self._loop: Any = None
        self._tasks: dict[int, asyncio.Task[object]] = {}
        """Tasks of the objects that the test awaits, by number."""

    def loop(self) -> None:
        while True:
            with self._receiving:
                requests = framing.receive(self._channel)
            self._answer(requests)

    def _answer(self, requests: list[Any]) -> None:
        for number, what, *details in requests:
            more: dict[str, object] = {}
            try:
                kind, value = "ok", self._do(more, what, *details)
            except BaseException as error:
                kind, value = "raised", {**describe(error), "value": self._safely(error)}
            more |= self._shared.changes(self._encode)
            flush()
            self._send([number, kind, value, more])

    def _send(self, message: object) -> None:
        with self._sending:
            framing.send(self._channel, message)

    def _safely(self, error: BaseException) -> Data:
        try:
            return self._encode(error)
        except BaseException:
            return None

    def _do(self, more: dict[str, object], what: str, *details: Any) -> object:
        """Return the answer to a request. What else is to be reported goes into `more`."""
        if (
            what == "synchronized"
        ):  # first do what the test has done to containers that it shares with the program
            changed, unused, *request = details
            self._shared.apply(changed, self._decode)
            self._shared.forget(unused)
            return self._do(more, *request)
        if what == "within":
            return self._within(more, *details)
        return getattr(self, f"_{what}")(*details)

    def _within(self, more: dict[str, object], surroundings: Replaced, *request: Any) -> object:
        """Answer a request with standard streams, `input` and `print` as the test has replaced them."""
        before = sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print
        printed = {name: io.StringIO() for name in surroundings["printing"]}
        read = io.StringIO(surroundings.get("stdin", ""))
        sys.argv = sys.argv if surroundings["argv"] is None else surroundings["argv"]
        for name, value in surroundings["environ"].items():
            os.environ.pop(name, None)
            os.environ |= {} if value is None else {name: value}
        try:
            for name, stream in printed.items():
                setattr(sys, name, stream)
            if "stdin" in surroundings:
                sys.stdin = read
            for name, function in surroundings["functions"].items():
                setattr(builtins, name, self._decode(function))
            return self._do(more, *request)
        finally:
            sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print = before
            more |= {"printed": [stream.getvalue() for stream in printed.values()], "read": read.tell()}

    def _eval(self, code: str, builtin_names: list[str]) -> Data:
        """Return the value of an expression, for a comparison outside.

        Raise Unreached if `builtin_names` are given, and the program has none of them.
        """
        if builtin_names and not any(name in self._namespace for name in builtin_names):
            raise Unreached
        return self._encode(eval(marshal.loads(base64.b64decode(code)), self._namespace))

    def _names(self, names: list[str]) -> dict[str, Data]:
        """Return what the program's global names are bound to, without those that it does not bind."""
        found = {name: self._namespace[name] for name in names if name in self._namespace}
        return {name: self._encode_shared(value) for name, value in found.items()}

    def _call(self, function: object, arguments: list[object], keywords: dict[str, object]) -> Data:
        """Call a function of the program."""
        args = [self._decode(argument) for argument in arguments]
        kwargs = {name: self._decode(argument) for name, argument in keywords.items()}
        return self._encode_shared(self._decode(function)(*args, **kwargs))

    def _global(self, name: str, arguments: list[object]) -> Data:
        """Call a global function, or a method of `Solution` if there is none, for a comparison outside."""
        function = self._namespace.get(name)
        if function is None and "Solution" in self._namespace:
            function = getattr(self._namespace["Solution"](), name)
        if function is None:
            raise NameError(f"name '{name}' is not defined")
        return self._encode(function(*[decode(argument) for argument in arguments]))

    def _operate(self, operation: str, target: object, arguments: list[object]) -> Data:
        values = [self._decode(argument) for argument in arguments]
        return self._encode_shared(_operation(operation)(self._decode(target), *values))

    def _state(self, target: object) -> Data:
        return self._encode(state_of(self._decode(target)))

    def _data(self, target: object) -> Data:
        """Return the contents of an object of a subclass of list and the like."""
        value = self._decode(target)
        base = base_type(type(value))
        return self._encode(base_value(value, base)) if base else None

    def _step(self, target: list[int]) -> Data:
        """Continue a coroutine or other awaitable, and all that runs beside it, for a moment.

        Return a tuple of the result, or an empty tuple while there is none.
        """
        import asyncio  # few programs need it, and importing it takes a while

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        task = self._tasks.get(target[1])
        if task is None:  # it runs first, up to its first wait, as in the test's own event loop
            others = list(self._loop._ready)
            self._loop._ready.clear()
            task = self._tasks[target[1]] = self._loop.create_task(_result(self._decode(target)))
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
            self._loop._ready.extendleft(reversed(others))
        elif not task.done():
            self._run_for(_MOMENT)
        if not task.done():
            return ["t"]
        return ["t", self._encode_shared(self._tasks.pop(target[1]).result())]

    def _cancel(self, target: list[int]) -> None:
        task = self._tasks.pop(target[1])
        task.cancel()
        self._run_for(_TIME_TO_CANCEL, task)

    def _run_for(self, seconds: float, *tasks: asyncio.Task[object]) -> None:
        """Run the event loop until a task has ended, of these or else of all that the test awaits, or time is over."""
        import asyncio

        waiting = asyncio.wait(
            tasks or self._tasks.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        self._loop.run_until_complete(waiting)

    def _call_back(self, number: int, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """Call a function of the test that was passed to the program. It may send requests meanwhile."""
        keywords = {name: self._encode(value) for name, value in kwargs.items()}
        arguments = [self._encode(value) for value in args]
        with self._receiving:
            self._send(["callback", number, arguments, keywords])
            while isinstance((answer := framing.receive(self._channel))[0], list):
                self._answer(answer)
        value = self._decode(answer[1])
        if answer[0] == "raised":
            raise value
        return value

    def _decode(self, data: object) -> Any:
        return decode(data, self._tagged)

    def _encode_shared(self, value: object) -> Data:
        return self._shared.write(value, self._encode(value))

    def _tagged(self, data: list[Any]) -> object:
        match data:
            case ["p", number]:
                return self._objects[number]
            case ["&", number, held]:
                return self._shared.read(number, held, self._decode)
            case ["m", module, name]:
                found = importlib.import_module(module)
                return operator.attrgetter(name)(found) if name else found
            case ["G", name]:
                return getattr(builtins, name)
            case ["k", number, name, *described]:

                def function(*args: object, **kwargs: object) -> object:
                    return self._call_back(number, args, kwargs)

                if described:
                    defaults, doc, annotations = map(self._decode, described[1:])
                    function = eval(described[0], {"_call": function, "_defaults": defaults})
                    function.__doc__, function.__annotations__ = doc, annotations
                function.__name__ = function.__qualname__ = name
                return function
            case ["q", number, *items]:
                return tuple.__new__(self._objects[number], map(self._decode, items))
            case ["j", methods]:
                return _Given({name: self._decode(method) for name, method in methods.items()})
            case ["E", name, bases, number, *args]:
                kinds = [self._decode(base) for base in bases]
                kind = kinds[0] if name == kinds[0].__name__ else type(name, tuple(kinds), {})
                error = kind(*map(self._decode, args))
                if number is not None:
                    error._of_the_test = number
                return error
        raise ValueError(f"unknown tag {data[0]!r}")


async def _result(awaitable: Awaitable[object]) -> object:
    return await awaitable


class Unreached(Exception):
    """The test requests nothing that the program defines."""


class _Given:
    """An iterator of the test, with its methods."""

    def __init__(self, methods: dict[str, Callable[..., object]]) -> None:
        vars(self).update(methods)

    def __iter__(self) -> _Given:
        return self

    def __next__(self) -> object:
        return vars(self)["__next__"]()


def _operation(name: str) -> Callable[..., Any]:
    return _OPERATIONS.get(name) or getattr(operator, name)


def _of_type(method: str) -> Callable[..., object]:
    """Return what a statement such as `with` does with an object: it calls a method of the object's type."""
    return lambda target: getattr(type(target), method)(target)


def _leave(method: str) -> Callable[..., object]:
    def leave(target: object, error: BaseException | None) -> object:
        kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
        return getattr(type(target), method)(target, kind, error, trace)

    return leave


_FUNCTIONS = """
getattr setattr delattr iter next len str repr bytes bool hash int float complex round divmod abs reversed format dir
callable issubclass
"""
_OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(builtins, name) for name in _FUNCTIONS.split()},
    **{name: getattr(math, name) for name in ("trunc", "floor", "ceil")},
    **{name: getattr(copy, name) for name in ("copy", "deepcopy")},
    **{name: _of_type(f"__{name}__") for name in ("enter", "anext", "aiter", "aenter")},
    **{name: _leave(f"__{name}__") for name in ("exit", "aexit")},
    "swapped": lambda target, name, other: _operation(name)(other, target),
    "isinstance": lambda target, value: isinstance(value, target),
    "is_a": isinstance,
}
