"""The program's own process: run the program, then answer what it is asked for.

Nothing here has to resist the program, which can change all of it: an answer is only ever data, judged elsewhere.
"""

from __future__ import annotations

import base64
import builtins
import importlib
import marshal
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType, TracebackType
from typing import Any, TypeGuard

from . import framing
from .prelude import provide
from .program import FILE, compile_program, describe_syntax_error
from .values import decode, encode, opaque, short_repr, shorten, without_addresses

MODULE_NAME = "program"


def load(
    code: CodeType | str, name: str, prelude: str, is_script: bool
) -> tuple[CodeType | None, dict[str, Any], dict[str, object]]:
    """The compiled program, the namespace to run it in, and what is wrong with its syntax."""
    module = ModuleType(name)
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

    It says `["syntax", ...]`, `["raised", ...]` or `["ready"]` first. A message to it is a list of requests
    `[number, what, ...]`; it sends one reply to each, `[number, "ok", value, changed arguments]` or
    `[number, "raised", exception, {}]`.
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
    for stream in (sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr):
        try:
            stream.flush()  # type: ignore[union-attr]
        except Exception:
            continue


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as data: names of its classes, message, and the program's line that it came through last."""
    try:
        message = str(error)
    except Exception:
        message = ""
    return {
        "types": [kind.__name__ for kind in type(error).__mro__],
        "message": shorten(without_addresses(message), 1000),
        "line": _program_line(error.__traceback__),
        "stopped": isinstance(error, StopIteration),
    }


def _program_line(trace: TracebackType | None) -> int | None:
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class _Answers:
    def __init__(self, channel: Any, namespace: dict[str, Any]) -> None:
        self._channel = channel
        self._namespace = namespace
        self._kept: list[object] = []
        self._numbers: dict[int, int] = {}

    def loop(self) -> None:
        while True:
            for number, what, *details in framing.receive(self._channel):
                reply = self._reply(number, what, details)
                flush()
                framing.send(self._channel, reply)

    def _reply(self, number: int, what: str, details: list[Any]) -> list[Any]:
        try:
            return [number, "ok", *getattr(self, f"_{what}")(*details)]
        except BaseException as error:
            return [number, "raised", describe(error), {}]

    def _eval(self, code: str) -> list[Any]:
        """The value of an expression, for a comparison outside."""
        value = eval(marshal.loads(base64.b64decode(code)), self._namespace)
        return [encode(value, opaque), {}]

    def _names(self, names: list[str]) -> list[Any]:
        """What the program's global names are bound to; names that are not there are left out."""
        return [{name: self._encode(self._namespace[name]) for name in names if name in self._namespace}, {}]

    def _call(self, function: Any, arguments: Any, keywords: Any) -> list[Any]:
        """Call a function of the program's; report arguments that it changed."""
        args = [self._decode(argument) for argument in arguments]
        kwargs = {name: self._decode(argument) for name, argument in keywords.items()}
        result = self._decode(function)(*args, **kwargs)
        changed = {}
        for i, before in enumerate(arguments):
            if isinstance(before, list) and (after := self._encode(args[i])) != before:
                changed[str(i)] = after
        for i, argument in enumerate(args):
            if result is argument and isinstance(argument, list | dict | set | bytearray):
                return [["a", i], changed]
        return [self._encode(result), changed]

    def _global(self, name: str, arguments: Any) -> list[Any]:
        """Call a global function, or a method of `Solution` where there is none, for a comparison outside."""
        function = self._namespace.get(name)
        if function is None and "Solution" in self._namespace:
            function = getattr(self._namespace["Solution"](), name)
        if function is None:
            raise NameError(f"name '{name}' is not defined")
        return [encode(function(*[decode(argument) for argument in arguments]), opaque), {}]

    def _operate(self, operation: str, target: Any, arguments: Any) -> list[Any]:
        values = [self._decode(argument) for argument in arguments]
        return [self._encode(_OPERATIONS[operation](self._decode(target), *values)), {}]

    def _call_back(self, number: int, args: tuple[object, ...]) -> Any:
        """Call a function of the test's that was passed to the program."""
        framing.send(self._channel, ["callback", number, [self._encode(argument) for argument in args]])
        kind, *details = framing.receive(self._channel)
        if kind == "raised":
            raise getattr(builtins, details[0], RuntimeError)(details[1])
        return self._decode(details[0])

    def _decode(self, data: Any) -> Any:
        return decode(data, self._tagged)

    def _tagged(self, data: list[Any]) -> Any:
        if data[0] == "p":
            return self._kept[data[1]]
        if data[0] == "m":
            return importlib.import_module(data[1])
        if data[0] == "G":
            return getattr(builtins, data[1])
        if data[0] == "k":
            return lambda *args: self._call_back(data[1], args)
        raise ValueError(f"unknown tag {data[0]!r}")

    def _encode(self, value: object) -> Any:
        return encode(value, self._keep)

    def _keep(self, value: object) -> list[Any]:
        """Write a value that stays here as its number, by which the judge can hand it back."""
        if isinstance(value, ModuleType):
            return ["m", value.__name__]
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        bases = [kind.__name__ for kind in value.__mro__] if _is_exception_class(value) else []
        name = value.__name__ if isinstance(value, FunctionType | type) else ""
        return ["p", self._numbers[id(value)], name, bases, *opaque(value)[1:]]


def _is_exception_class(value: object) -> TypeGuard[type[BaseException]]:
    return isinstance(value, type) and issubclass(value, BaseException)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "getattr": getattr,
    "setattr": setattr,
    "getitem": lambda target, key: target[key],
    "setitem": lambda target, key, value: target.__setitem__(key, value),
    "iter": iter,
    "next": next,
    "len": len,
    "str": str,
    "repr": short_repr,
    "isinstance": lambda target, value: isinstance(value, target),
}
