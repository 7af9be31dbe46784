"""Python's and the standard library's data types: the parts of each, and how to build a value from them.

A type is identified by module and name. Most are imported only when a value of the type exists or is decoded.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, MutableMapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, TypeVar

_DIVIDED = ("builtins.range", "fractions.Fraction")
_DIVISIBLE_BITS = 1 << 16
"""Fractions and ranges of longer numbers are opaque: dividing these does not end in practice, and no alarm interrupts
it."""
_Mapping = TypeVar("_Mapping", bound=MutableMapping[Any, Any])


_Parts = Callable[[Any], list[object]]


def _fields(*names: str) -> _Parts:
    return lambda value: [getattr(value, name) for name in names]


_DAY = ("year", "month", "day")
_CLOCK = ("hour", "minute", "second", "microsecond", "tzinfo")
_WRITTEN = """
decimal.Decimal pathlib.PosixPath pathlib.PurePosixPath pathlib.PureWindowsPath
ipaddress.IPv4Address ipaddress.IPv6Address ipaddress.IPv4Network ipaddress.IPv6Network
"""
"""Types whose values are built from their text."""
_PARTS: dict[str, _Parts] = {
    "datetime.date": _fields(*_DAY),
    "datetime.timedelta": _fields("days", "seconds", "microseconds"),
    "datetime.datetime": _fields(*_DAY, *_CLOCK, "fold"),
    "datetime.time": _fields(*_CLOCK, "fold"),
    "datetime.timezone": lambda zone: list(zone.__getinitargs__()),
    "zoneinfo.ZoneInfo": _fields("key"),
    "collections.deque": lambda value: [list(value), value.maxlen],
    "collections.OrderedDict": lambda value: [list(value.items())],
    "collections.defaultdict": lambda value: [value.default_factory, dict(value)],
    "collections.Counter": lambda value: [dict(value)],
    "collections.ChainMap": lambda value: list(value.maps),
    **dict.fromkeys((f"collections.User{kind}" for kind in ("Dict", "List", "String")), _fields("data")),
    "array.array": lambda value: [value.typecode, value.tolist()],
    "uuid.UUID": _fields("int"),
    **dict.fromkeys(_WRITTEN.split(), lambda value: [str(value)]),
    "fractions.Fraction": _fields("numerator", "denominator"),
    "types.SimpleNamespace": lambda value: [dict(vars(value))],
    "builtins.complex": _fields("real", "imag"),
    "builtins.bytes": lambda value: [value.hex()],
    "builtins.bytearray": lambda value: [value.hex()],
    "builtins.range": _fields("start", "stop", "step"),
    "builtins.ellipsis": lambda value: [],
    "builtins.mappingproxy": lambda value: [dict(value)],
    "builtins.slice": _fields("start", "stop", "step"),
    "builtins.memoryview": lambda value: [value.tobytes()],
    **{f"builtins.dict_{view}": lambda value: [list(value)] for view in ("keys", "values", "items")},
    "builtins.NotImplementedType": lambda value: [],
}


def _datetime(kind: Callable[..., object]) -> Callable[..., object]:
    return lambda *fields: kind(*fields[:-1], fold=fields[-1])


def _filled(mapping: _Mapping, pairs: Iterable[tuple[object, object]]) -> _Mapping:
    """Fill a mapping item by item, so that an alarm can interrupt it: keys with one hash do not end in practice."""
    for key, value in pairs:
        mapping[key] = value
    return mapping


def _defaultdict(factory: object, items: dict[object, object]) -> object:
    return _filled(defaultdict(factory if callable(factory) else None), items.items())


def _namespace(items: dict[str, object]) -> object:
    made = SimpleNamespace()
    for name, value in items.items():
        setattr(made, name, value)
    return made


_BUILD: dict[str, Callable[..., object]] = {
    "builtins.bytes": bytes.fromhex,
    "builtins.bytearray": bytearray.fromhex,
    "builtins.ellipsis": lambda: Ellipsis,
    "builtins.mappingproxy": MappingProxyType,
    "builtins.dict_keys": lambda items: _filled({}, ((item, None) for item in items)).keys(),
    "builtins.dict_values": lambda items: dict(enumerate(items)).values(),
    "builtins.dict_items": lambda items: _filled({}, items).items(),
    "builtins.NotImplementedType": lambda: NotImplemented,
    "collections.defaultdict": _defaultdict,
    "collections.OrderedDict": lambda items: _filled(OrderedDict(), items),
    "collections.Counter": lambda items: _filled(Counter(), items.items()),
    "types.SimpleNamespace": _namespace,
}
_WRAPPED: dict[str, Callable[[Callable[..., object]], Callable[..., object]]] = {
    "datetime.datetime": _datetime,
    "datetime.time": _datetime,
    "uuid.UUID": lambda kind: lambda number: kind(int=number),
    "array.array": lambda kind: lambda code, items: kind(code, items),
}


def parts(value: object) -> tuple[str, str, list[object]] | None:
    """Return the module and name of a value's type, and its parts; None for other types, subclasses included."""
    kind = type(value)
    module, name = kind.__module__, kind.__name__
    full = f"{module}.{name}"
    if full not in _PARTS:
        return None
    unnamed = kind if module == "builtins" else None  # some of its types have no name there
    if vars(sys.modules.get(module, sys)).get(name, unnamed) is not kind:
        return None
    items = _PARTS[full](value)
    return None if full in _DIVIDED and not _divisible(items) else (module, name, items)


def build(module: str, name: str, items: list[object]) -> object:
    """Return the value that has these parts. Raise ValueError, or what its type raises, for unsuitable parts."""
    full = f"{module}.{name}"
    if full not in _PARTS:
        raise ValueError(f"no type of data {full!r}")
    if any(type(item) is range for item in items):
        raise ValueError("a range may stand for more items than there is memory")
    if full in _DIVIDED and not _divisible(items):
        raise ValueError("not numbers, or too long to divide")
    if full in _BUILD:
        return _BUILD[full](*items)
    kind = getattr(importlib.import_module(module), name)
    return (_WRAPPED[full](kind) if full in _WRAPPED else kind)(*items)


def _divisible(numbers: list[object]) -> bool:
    return all(isinstance(number, int) and number.bit_length() <= _DIVISIBLE_BITS for number in numbers)
