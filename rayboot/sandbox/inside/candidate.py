"""The program's own process: it runs the program, then answers requests.

Nothing here has to resist the program, which can change all of it: an answer is only data, and is judged elsewhere.
"""

from __future__ import annotations

import base64
import builtins
import copy
import dataclasses
import importlib
import io
import linecache
import marshal
import math
import operator
import os
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from types import AsyncGeneratorType, CodeType, CoroutineType, FunctionType, ModuleType, TracebackType
from typing import Any

from . import framing
from .mutation import Shared
from .prelude import provide
from .program import FILE, compile_program, describe_syntax_error
from .references import reference
from .values import base_type, base_value, decode, encode, opaque, shorten, without_addresses

MODULE_NAME = "program"


def load(
    code: CodeType | str, name: str, prelude: str, is_script: bool
) -> tuple[CodeType | None, dict[str, Any], dict[str, object]]:
    """Return the compiled program, the namespace to run it in, and its syntax error, if any."""
    module = ModuleType(name)
    module.__file__ = FILE
    sys.modules[name] = module
    sys.argv[:] = ["program.py"]
    if isinstance(code, str):
        try:
            code = compile_program(code, is_script)
        except Exception as error:
            return None, {}, describe_syntax_error(error)
    if prelude:
        provide(prelude, code, module.__dict__)
    return code, module.__dict__, {}


def serve(channel: Any, code: CodeType | str, prelude: str, setup_code: str) -> None:
    """Run the program as a module (its `__name__` is not `__main__`), then answer requests until the channel closes.

    It first sends `["syntax", ...]`, `["raised", ...]` or `["ready"]`. A message to it is a list of requests
    `[number, what, ...]`. It sends one reply to each, `[number, "ok", value, changed]` or
    `[number, "raised", exception, changed]`, with the shared containers (`mutation.py`) that have changed.
    """
    compiled, namespace, syntax_error = load(code, MODULE_NAME, prelude, is_script=False)
    if compiled is None:
        framing.send(channel, ["syntax", syntax_error])
        return
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


def flush() -> None:
    for name in ("__stdout__", "__stderr__", "stdout", "stderr"):  # a program may have deleted one
        try:
            getattr(sys, name).flush()
        except Exception:
            continue


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as data: names of its classes, message, and the program's line that it last came through."""
    try:
        message = str(error)
    except Exception:
        message = ""
    return {
        "types": [kind.__name__ for kind in type.__dict__["__mro__"].__get__(type(error))],
        "message": shorten(without_addresses(message), 1000),
        "line": _program_line(error.__traceback__),
        "stopped": isinstance(error, StopIteration),
    }


def show_source(source: str) -> None:
    """Let `inspect.getsource` and tracebacks find the program's lines."""
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)


def _program_line(trace: TracebackType | None) -> int | None:
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class _Answers:
    """The values that a judge knows by number, and the answers to its requests."""

    def __init__(self, channel: Any, namespace: dict[str, Any]) -> None:
        self._channel = channel
        self._namespace = namespace
        self._kept: list[object] = []
        self._numbers: dict[int, int] = {}
        self._shared = Shared(2)
        self._receiving, self._sending = threading.RLock(), threading.Lock()
        """Threads of the program that call functions of the test do so one by one, while a request is answered."""
        self._describing = 0
        self._described: set[int] = set()
        self._loop: Any = None
        self._tasks: dict[int, Any] = {}
        """Tasks of the objects that the test awaits, by number."""

    def loop(self) -> None:
        while True:
            with self._receiving:
                requests = framing.receive(self._channel)
            self._answer(requests)

    def _answer(self, requests: list[Any]) -> None:
        for number, what, *details in requests:
            reply = self._reply(number, what, details)
            flush()
            self._send(reply)

    def _send(self, message: Any) -> None:
        with self._sending:
            framing.send(self._channel, message)

    def _reply(self, number: int, what: str, details: list[Any]) -> list[Any]:
        changed: dict[str, Any] = {}
        try:
            kind, value = "ok", getattr(self, f"_{what}")(changed, *details)
        except BaseException as error:
            kind, value = "raised", self._report(error)
        changed |= self._shared.changes(self._encode)
        return [number, kind, value, changed]

    def _report(self, error: BaseException) -> dict[str, Any]:
        return {**describe(error), "value": self._safely(error)}

    def _safely(self, error: BaseException) -> Any:
        try:
            return self._encode(error)
        except BaseException:
            return None

    def _synchronized(
        self, more: dict[str, Any], changed: Any, unused: list[int], what: str, *details: Any
    ) -> Any:
        """Answer a request after applying what the test has done to containers that it shares with the program."""
        self._shared.apply(changed, self._decode)
        self._shared.forget(unused)
        return getattr(self, f"_{what}")(more, *details)

    def _within(self, more: dict[str, Any], surroundings: dict[str, Any], what: str, *details: Any) -> Any:
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
            return getattr(self, f"_{what}")(more, *details)
        finally:
            sys.stdout, sys.stderr, sys.stdin, builtins.input, builtins.print = before
            more |= {"printed": [stream.getvalue() for stream in printed.values()], "read": read.tell()}

    def _eval(self, more: dict[str, Any], code: str, builtin_names: list[str]) -> Any:
        """Return the value of an expression, for a comparison outside.

        Raises:
            Unreached: `builtin_names` are given, and the program has none of them.
        """
        if builtin_names and not any(name in self._namespace for name in builtin_names):
            raise Unreached
        return self._encode(eval(marshal.loads(base64.b64decode(code)), self._namespace))

    def _names(self, more: dict[str, Any], names: list[str]) -> Any:
        """Return what the program's global names are bound to, without those that it does not bind."""
        found = {name: self._namespace[name] for name in names if name in self._namespace}
        return {name: self._encode_shared(value) for name, value in found.items()}

    def _call(self, more: dict[str, Any], function: Any, arguments: Any, keywords: Any) -> Any:
        """Call a function of the program."""
        args = [self._decode(argument) for argument in arguments]
        kwargs = {name: self._decode(argument) for name, argument in keywords.items()}
        return self._encode_shared(self._decode(function)(*args, **kwargs))

    def _global(self, more: dict[str, Any], name: str, arguments: Any) -> Any:
        """Call a global function, or a method of `Solution` if there is none, for a comparison outside."""
        function = self._namespace.get(name)
        if function is None and "Solution" in self._namespace:
            function = getattr(self._namespace["Solution"](), name)
        if function is None:
            raise NameError(f"name '{name}' is not defined")
        return self._encode(function(*[decode(argument) for argument in arguments]))

    def _operate(self, more: dict[str, Any], operation: str, target: Any, arguments: Any) -> Any:
        values = [self._decode(argument) for argument in arguments]
        do = _OPERATIONS.get(operation) or getattr(operator, operation)
        return self._encode_shared(do(self._decode(target), *values))

    def _state(self, more: dict[str, Any], target: Any) -> Any:
        return self._encode(_state(self._decode(target)))

    def _data(self, more: dict[str, Any], target: Any) -> Any:
        """Return the contents of an object of a subclass of list and the like."""
        value = self._decode(target)
        base = base_type(type(value))
        return self._encode(base_value(value, base)) if base else None

    def _step(self, more: dict[str, Any], target: Any) -> Any:
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

    def _cancel(self, more: dict[str, Any], target: Any) -> None:
        task = self._tasks.pop(target[1])
        task.cancel()
        self._run_for(_TIME_TO_CANCEL, task)

    def _run_for(self, seconds: float, *tasks: Any) -> None:
        """Run the event loop until one of the tasks has ended, or the time is over.

        Without `tasks`, these are all tasks that the test awaits.
        """
        import asyncio

        waiting = asyncio.wait(
            tasks or self._tasks.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        self._loop.run_until_complete(waiting)

    def _call_back(self, number: int, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
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

    def _decode(self, data: Any) -> Any:
        return decode(data, self._tagged)

    def _tagged(self, data: list[Any]) -> Any:
        match data:
            case ["p", number]:
                return self._kept[number]
            case ["&", number, held]:
                return self._shared.read(number, held, self._decode)
            case ["m", module, name]:
                return _member(module, name)
            case ["G", name]:
                return getattr(builtins, name)
            case ["k", number, name, *described]:

                def function(*args: object, **kwargs: object) -> Any:
                    return self._call_back(number, args, kwargs)

                if described:
                    defaults, doc, annotations = map(self._decode, described[1:])
                    function = eval(described[0], {"_call": function, "_defaults": defaults})
                    function.__doc__, function.__annotations__ = doc, annotations
                function.__name__ = function.__qualname__ = name
                return function
            case ["q", number, *items]:
                kind: Any = self._kept[number]
                return tuple.__new__(kind, map(self._decode, items))
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

    def _encode(self, value: object) -> Any:
        return encode(value, self._keep)

    def _encode_shared(self, value: object) -> Any:
        return self._shared.write(value, self._encode(value))

    def _keep(self, value: object) -> list[Any]:
        """Encode a value that stays here: its number, by which the judge can pass it back, and its description."""
        if (found := reference(value)) is not None:
            return ["m", *found]
        number = self._number(value)
        kind = type(value)
        _, type_name, text, truth = opaque(value)
        if not self._describing:
            self._described.clear()
        known = number in self._described or self._describing >= _DEEPEST
        self._described.add(number)
        name = value.__name__ if isinstance(value, FunctionType | type) else ""
        about = {"name": name, "type": type_name, "text": text, "truth": truth, "class": self._number(kind)}
        self._describing += 1
        try:
            if isinstance(value, type):
                about |= self._about_class(value)
            elif isinstance(value, BaseException):
                about |= self._about_exception(value, known)
            else:
                about |= self._about_object(value, known)
            base = base_type(kind)
            if base is not None:
                if _is_plain_namedtuple(kind):
                    about["tuple"] = self._encode(kind)
                about |= {"base": base.__name__, "own": _overridden(kind, base)}
                return ["h", number, about, self._encode(base_value(value, base))]
        finally:
            self._describing -= 1
        return ["p", number, about]

    def _number(self, value: object) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        return self._numbers[id(value)]

    def _about_class(self, kind: Any) -> dict[str, Any]:
        if issubclass(kind, BaseException):
            return {"bases": [self._encode(base) for base in kind.__bases__ if base is not object]}
        if _is_plain_namedtuple(kind):
            defaults = getattr(kind, "_field_defaults", {})
            return {"fields": list(kind._fields), "defaults": self._encode(list(defaults.values()))}
        return {"is_class": True}

    def _about_exception(self, error: BaseException, known: bool) -> dict[str, Any]:
        about = {"error": self._encode(type(error)), "line": _program_line(error.__traceback__)}
        about["attributes"] = ["d"] if known else self._encode({**vars(error)})
        about["args"] = [] if known else [self._encode(arg) for arg in error.args]
        if isinstance(error, OSError) and error.filename is not None:  # not among its `args`
            about["made_of"] = [self._encode(part) for part in (error.errno, error.strerror, error.filename)]
        about["of_the_test"] = getattr(error, "_of_the_test", None)
        try:
            about["message"] = str(error)
        except Exception:
            about["message"] = ""
        if not known:
            for name in ("__cause__", "__context__"):
                about[name] = self._encode(getattr(error, name))
            about["exceptions"] = [self._encode(inner) for inner in getattr(error, "exceptions", ())]
        return about

    def _about_object(self, value: object, known: bool) -> dict[str, Any]:
        kind = type(value)
        about: dict[str, Any] = {"equal": _equality(kind), "contains": hasattr(kind, "__contains__")}
        about["is_own"] = kind.__module__ == MODULE_NAME
        if about["equal"] != "identity" and not known:
            about["state"] = self._encode(_state(value))
        if kind is CoroutineType:
            about["kind"] = "awaitable"
        elif kind is AsyncGeneratorType:
            about["kind"] = "async generator"
        return about


_DEEPEST = 20
_MOMENT, _TIME_TO_CANCEL = 0.005, 1.0
"""Seconds."""


async def _result(awaitable: Any) -> object:
    return await awaitable


def _member(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split(".") if name else ():
        found = getattr(found, part)
    return found


class Unreached(Exception):
    """The test requests nothing that the program defines."""


class _Given:
    """An iterator of the test, with its methods."""

    def __init__(self, methods: dict[str, Callable[..., Any]]) -> None:
        vars(self).update(methods)

    def __iter__(self) -> _Given:
        return self

    def __next__(self) -> Any:
        return vars(self)["__next__"]()


_NOT_OWN_NAMES = """
__init__ __new__ __module__ __doc__ __dict__ __weakref__ __eq__ __ne__ __hash__ __getattribute__ __getattr__
__setattr__ __delattr__ __slots__ __class__ __init_subclass__ __subclasshook__ __reduce__ __reduce_ex__
__getstate__ __annotations__ __getnewargs__ __match_args__ __orig_bases__ __sizeof__ __dir__
"""
_NOT_OWN = frozenset(_NOT_OWN_NAMES.split())


def _overridden(kind: type, base: type) -> list[str]:
    """Return names of a builtin type that a class built on it overrides, and the class's other special methods."""
    own = {name for part in kind.__mro__ if part not in base.__mro__ for name in vars(part)} - _NOT_OWN
    special = {name for name in own if name[:2] == "__" and callable(getattr(kind, name, None))}
    known = special | {name for name in own if hasattr(base, name)}
    return sorted(name for name in known if getattr(kind, name, None) is not getattr(base, name, None))


_Empty = namedtuple("_Empty", "")
_NAMEDTUPLE = vars(_Empty).keys() | {"__orig_bases__", "__annotations__"}


def _is_plain_namedtuple(kind: Any) -> bool:
    """Return whether `namedtuple` made the class, and it has no other methods: the judge can then make its own copy."""
    content, fields = vars(kind), getattr(kind, "_fields", None)
    if (
        kind.__bases__ != (tuple,)
        or not isinstance(fields, tuple)
        or not content.keys() <= _NAMEDTUPLE | {*fields}
    ):
        return False
    return getattr(content.get("__repr__"), "__code__", None) is vars(_Empty)["__repr__"].__code__


def _equality(kind: type) -> str:
    """Return how a class's objects compare: by `identity`, by `state` (dataclasses), or by the class's `own` rule."""
    method: Any = kind.__eq__
    if method is object.__eq__:
        return "identity"
    code = getattr(method, "__code__", None)
    made = hasattr(kind, "__dataclass_fields__") and getattr(code, "co_filename", "") == "<string>"
    return "state" if made else "own"


def _state(value: Any) -> dict[str, Any]:
    """Return what an object consists of; for a dataclass, the fields that its `__eq__` compares."""
    kind = type(value)
    if _equality(kind) == "state":
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(kind) if f.compare}
    state = dict(getattr(value, "__dict__", {}))
    for part in kind.__mro__:
        slots = vars(part).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                state[name] = getattr(value, name)
    return state


def _leave(target: Any, error: Any) -> Any:
    trace = getattr(error, "__traceback__", None)
    return type(target).__exit__(target, None if error is None else type(error), error, trace)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "iter": iter,
    "next": next,
    "len": len,
    "str": str,
    "repr": repr,
    "bytes": bytes,
    "bool": bool,
    "hash": hash,
    "int": int,
    "float": float,
    "complex": complex,
    "round": round,
    "divmod": divmod,
    "abs": abs,
    "reversed": reversed,
    "format": format,
    "dir": dir,
    "callable": callable,
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "swapped": lambda target, name, other: _OPERATIONS.get(name, getattr(operator, name, None))(
        other, target
    ),  # type: ignore[misc]
    "enter": lambda target: type(target).__enter__(target),
    "exit": _leave,
    "anext": lambda target: type(target).__anext__(target),
    "aiter": lambda target: type(target).__aiter__(target),
    "aenter": lambda target: type(target).__aenter__(target),
    "aexit": lambda target, error: type(target).__aexit__(target, error and type(error), error, None),
    "isinstance": lambda target, value: isinstance(value, target),
    "is_a": isinstance,
    "issubclass": issubclass,
}
