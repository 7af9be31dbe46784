"""Objects that stay in the program's process: the number of each, and what a judge learns of it (`About`)."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from types import AsyncGeneratorType, CoroutineType, FunctionType
from typing import Any

from .program import MODULE_NAME
from .references import reference
from .values import About, Data, Equality, base_type, base_value, encode, summary

_DEEPEST = 20


class Objects:
    """The objects that a judge knows, by number."""

    def __init__(self) -> None:
        self._kept: list[object] = []
        self._numbers: dict[int, int] = {}
        self._describing = 0
        self._described: set[int] = set()

    def __getitem__(self, number: int) -> Any:
        return self._kept[number]

    def encode(self, value: object) -> Data:
        return encode(value, self._keep)

    def _keep(self, value: object) -> list[object]:
        """Encode a value that stays here: its number, by which the judge can pass it back, and its description."""
        if (found := reference(value)) is not None:
            return ["m", *found]
        number = self._number(value)
        kind = type(value)
        type_name, text, truth = summary(value)
        if not self._describing:
            self._described.clear()
        known = number in self._described or self._describing >= _DEEPEST
        self._described.add(number)
        name = value.__name__ if isinstance(value, FunctionType | type) else ""
        about: About = {
            "name": name,
            "type": type_name,
            "text": text,
            "truth": truth,
            "class_number": self._number(kind),
        }
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
                    about["tuple"] = self.encode(kind)
                about |= {"base": base.__name__, "own": _overridden(kind, base)}
                return ["h", number, about, self.encode(base_value(value, base))]
        finally:
            self._describing -= 1
        return ["p", number, about]

    def _number(self, value: object) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        return self._numbers[id(value)]

    def _about_class(self, kind: Any) -> About:
        if issubclass(kind, BaseException):
            return {"bases": [self.encode(base) for base in kind.__bases__ if base is not object]}
        if _is_plain_namedtuple(kind):
            defaults = getattr(kind, "_field_defaults", {})
            return {"fields": list(kind._fields), "defaults": self.encode(list(defaults.values()))}
        return {"is_class": True}

    def _about_exception(self, error: BaseException, known: bool) -> About:
        about: About = {
            "error": self.encode(type(error)),
            "attributes": ["d"] if known else self.encode({**vars(error)}),
            "args": [] if known else [self.encode(arg) for arg in error.args],
            "of_the_test": getattr(error, "_of_the_test", None),
        }
        if isinstance(error, OSError) and error.filename is not None:  # not among its `args`
            about["made_of"] = [self.encode(part) for part in (error.errno, error.strerror, error.filename)]
        try:
            about["message"] = str(error)
        except Exception:
            about["message"] = ""
        if not known:
            about["__cause__"] = self.encode(error.__cause__)
            about["__context__"] = self.encode(error.__context__)
            about["exceptions"] = [self.encode(inner) for inner in getattr(error, "exceptions", ())]
        return about

    def _about_object(self, value: object, known: bool) -> About:
        kind = type(value)
        about: About = {
            "equal": _equality(kind),
            "contains": hasattr(kind, "__contains__"),
            "is_own": kind.__module__ == MODULE_NAME,
        }
        if about["equal"] != "identity" and not known:
            about["state"] = self.encode(state_of(value))
        if kind is CoroutineType:
            about["kind"] = "awaitable"
        elif kind is AsyncGeneratorType:
            about["kind"] = "async generator"
        return about


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


def _is_plain_namedtuple(kind: type) -> bool:
    """Return whether `namedtuple` made the class, and it has no other methods: the judge can then make its own copy."""
    content, fields = vars(kind), getattr(kind, "_fields", None)
    if (
        kind.__bases__ != (tuple,)
        or not isinstance(fields, tuple)
        or not content.keys() <= _NAMEDTUPLE | {*fields}
    ):
        return False
    return getattr(content.get("__repr__"), "__code__", None) is vars(_Empty)["__repr__"].__code__


def _equality(kind: type) -> Equality:
    method: object = kind.__eq__
    if method is object.__eq__:
        return "identity"
    code = getattr(method, "__code__", None)
    made = hasattr(kind, "__dataclass_fields__") and getattr(code, "co_filename", "") == "<string>"
    return "state" if made else "own"


def state_of(value: object) -> dict[str, object]:
    """Return what an object consists of; for a dataclass, the fields that its `__eq__` compares."""
    kind: Any = type(value)
    if _equality(kind) == "state":
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(kind) if f.compare}
    state = dict(getattr(value, "__dict__", {}))
    for part in kind.__mro__:
        slots = vars(part).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                state[name] = getattr(value, name)
    return state
