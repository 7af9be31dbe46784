"""The standard library's data types: the parts of each, and how to build a value from them.

A type is identified by module and name. Most are imported only when a value of the type exists or is decoded.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from types import MappingProxyType, SimpleNamespace
from typing import Any


def _fields(*names: str) -> Callable[[Any], list[Any]]:
    return lambda value: [getattr(value, name) for name in names]


def _text(value: Any) -> list[Any]:
    return [str(value)]


_DAY = ("year", "month", "day")
_CLOCK = ("hour", "minute", "second", "microsecond", "tzinfo")
_PARTS: dict[str, Callable[[Any], list[Any]]] = {
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
    "collections.UserDict": _fields("data"),
    "collections.UserList": _fields("data"),
    "collections.UserString": _fields("data"),
    "array.array": lambda value: [value.typecode, value.tolist()],
    "uuid.UUID": _fields("int"),
    "pathlib.PosixPath": _text,
    "pathlib.PurePosixPath": _text,
    "pathlib.PureWindowsPath": _text,
    "ipaddress.IPv4Address": _text,
    "ipaddress.IPv6Address": _text,
    "ipaddress.IPv4Network": _text,
    "ipaddress.IPv6Network": _text,
    "types.SimpleNamespace": lambda value: [dict(vars(value))],
    "builtins.mappingproxy": lambda value: [dict(value)],
    "builtins.slice": _fields("start", "stop", "step"),
    "builtins.memoryview": lambda value: [value.tobytes()],
    "builtins.dict_keys": lambda value: [list(value)],
    "builtins.dict_values": lambda value: [list(value)],
    "builtins.dict_items": lambda value: [list(value)],
    "builtins.NotImplementedType": lambda value: [],
}


def _datetime(kind: Any) -> Callable[..., Any]:
    return lambda *fields: kind(*fields[:-1], fold=fields[-1])


def _filled(mapping: Any, pairs: Any) -> Any:
    """Fill a mapping item by item, so that an alarm can interrupt it: keys with one hash do not end in practice."""
    for key, value in pairs:
        mapping[key] = value
    return mapping


def _defaultdict(factory: Any, items: Any) -> Any:
    return _filled(defaultdict(factory if callable(factory) else None), items.items())


def _namespace(items: Any) -> Any:
    made = SimpleNamespace()
    for name, value in items.items():
        setattr(made, name, value)
    return made


_BUILD: dict[str, Callable[..., Any]] = {
    "builtins.mappingproxy": MappingProxyType,
    "builtins.slice": slice,
    "builtins.memoryview": memoryview,
    "builtins.dict_keys": lambda items: _filled({}, ((item, None) for item in items)).keys(),
    "builtins.dict_values": lambda items: dict(enumerate(items)).values(),
    "builtins.dict_items": lambda items: _filled({}, items).items(),
    "builtins.NotImplementedType": lambda: NotImplemented,
    "collections.defaultdict": _defaultdict,
    "collections.OrderedDict": lambda items: _filled(OrderedDict(), items),
    "collections.Counter": lambda items: _filled(Counter(), items.items()),
    "types.SimpleNamespace": _namespace,
}
_WRAPPED: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "datetime.datetime": _datetime,
    "datetime.time": _datetime,
    "uuid.UUID": lambda kind: lambda number: kind(int=number),
    "array.array": lambda kind: lambda code, items: kind(code, items),
}


def parts(value: object) -> tuple[str, str, list[Any]] | None:
    """Return the module and name of a value's type, and its parts; None for other types, subclasses included."""
    kind = type(value)
    module, name = kind.__module__, kind.__name__
    take = _PARTS.get(f"{module}.{name}")
    if take is None or (module != "builtins" and vars(sys.modules.get(module, sys)).get(name) is not kind):
        return None
    return module, name, take(value)


def build(module: Any, name: Any, items: list[Any]) -> Any:
    """Return the value that has these parts. Raise ValueError, or what its type raises, for unsuitable parts."""
    full = f"{module}.{name}"
    if full not in _PARTS:
        raise ValueError(f"no type of data {full!r}")
    if any(type(item) is range for item in items):
        raise ValueError("a range may stand for more items than there is memory")
    if full in _BUILD:
        return _BUILD[full](*items)
    kind = getattr(importlib.import_module(module), name)
    return (_WRAPPED[full](kind) if full in _WRAPPED else kind)(*items)
