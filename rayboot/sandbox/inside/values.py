"""Plain data as JSON: what may cross between the program and the judge.

Values of exact builtin types cross, and those of the standard library's data types (`standard.py`). Anything else is
opaque: a type name, a text and a truth value. Numbers, strings, None, True and False are themselves in JSON; all else
is a list whose first item is a tag.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Callable
from types import NoneType
from typing import Any, Literal, TypedDict

from .arrays import decode_array, decode_scalar, encode_numpy
from .standard import build, parts

MAX_DEPTH = 200
"""Deeper values are opaque: comparing them would hit the interpreter's recursion limit."""
_JSON_INT_BITS = 64
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

_NAN_MODULES = ("math", "numpy")

Data = None | bool | int | float | str | list[object]
"""What `encode` writes."""
Outside = Callable[[object], Data]
Tagged = Callable[[list[Any]], object]
Equality = Literal["identity", "state", "own"]
"""How a class's objects compare: by identity, by state (dataclasses), or by the class's own rule."""


class About(TypedDict, total=False):
    """What a program's process says of an object that stays there. It may lie, and leave out anything."""

    name: str
    type: str
    text: str
    truth: bool
    class_number: int
    equal: Equality
    contains: bool
    is_own: bool
    """Whether the program defines the object's class."""
    state: Data
    kind: Literal["awaitable", "async generator"]
    base: str
    """Name of the builtin type that its class is built on."""
    own: list[str]
    """Special methods, and methods of `base`, that its class defines."""
    tuple: Data
    """The class of a plain named tuple."""
    is_class: bool
    bases: list[Data]
    """Of a class of exceptions."""
    fields: list[str]
    defaults: Data
    """Of a class of plain named tuples, as `fields`."""
    error: Data
    """The class of an exception."""
    message: str
    args: list[Data]
    made_of: list[Data]
    """The arguments that create the exception, if they are not its `args`."""
    attributes: Data
    exceptions: list[Data]
    of_the_test: int | None
    """Number of the judge's own exception that this one is."""
    __cause__: Data
    __context__: Data


class Opaque:
    """A value that stayed in the program. It equals only itself."""

    def __init__(self, text: str, truth: bool) -> None:
        self._text = text
        self._truth = truth

    def __repr__(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return self._truth


def encode(value: Any, outside: Outside, above: tuple[object, ...] = ()) -> Data:
    """Convert a value to JSON. `outside` returns what to write for a value that is not plain data.

    Where a list or a dictionary contains itself, its index among the containers `above` is written.
    """
    kind = type(value)
    if kind is float and value != value:
        return _encode_nan(value)
    if kind in (NoneType, bool, str, float):
        plain: Data = value
        return plain
    if kind is int:
        return value if value.bit_length() <= _JSON_INT_BITS else ["i", hex(value)]
    if kind in (list, dict):
        for index, holder in enumerate(above):
            if holder is value:
                return ["^", index]
    if len(above) > MAX_DEPTH:
        return outside(value)
    deeper = (*above, value)
    if kind in _CONTAINERS:
        return [_CONTAINERS[kind], *[encode(item, outside, deeper) for item in value]]
    if kind is dict:
        return ["d", *[encode(item, outside, deeper) for pair in value.items() for item in pair]]
    if (numpy_data := encode_numpy(value, lambda item: encode(item, outside, deeper))) is not None:
        return numpy_data
    if (found := parts(value)) is not None:
        module, name, items = found
        return ["y", module, name, *[encode(item, outside, deeper) for item in items]]
    if (
        isinstance(value, type)
        and vars(builtins).get(name := str(type.__getattribute__(value, "__name__"))) is value
    ):
        return ["g", name]
    return outside(value)


_CONTAINERS: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "f"}


def _encode_nan(value: float) -> Data:
    """Encode a NaN. Containers compare by identity first, so a NaN that has a name must be one object on each side."""
    names = [name for name in _NAN_MODULES if _named_nan(name) is value]
    return ["nan", names[0]] if names else value


def _named_nan(module: str) -> object:
    return getattr(sys.modules.get(module), "nan", None)


_BASES: dict[type, Callable[[Any], object]] = {
    int: lambda value: int.__add__(value, 0),
    str: str.__str__,
    float: float.__float__,
    complex: complex.__complex__,
    bytes: lambda value: bytes.fromhex(bytes.hex(value)),
    bytearray: lambda value: bytearray.fromhex(bytearray.hex(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}


def base_type(kind: type) -> type | None:
    """Return the builtin data type that a class is built on, if any."""
    return next((base for base in kind.__mro__ if base in _BASES), None)


def base_value(value: object, base: type) -> object:
    """Return an object of a subclass as an object of the builtin type, whatever its own methods return."""
    return _BASES[base](value)


def opaque(value: object) -> list[object]:
    """Encode a value that cannot cross."""
    return ["x", *summary(value)]


def summary(value: object) -> tuple[str, str, bool]:
    """Return the name of a value's type, its repr and its truth."""
    try:
        truth = bool(value)
    except Exception:
        truth = True
    return _type_name(value), short_repr(value), truth


def _type_name(value: object) -> str:
    return str(getattr(type(value), "__name__", "object"))[:80]


def short_repr(value: object, limit: int = 200) -> str:
    """Return a repr of at most `limit` characters without memory addresses, which differ from run to run."""
    try:
        text = repr(value)
    except RecursionError:
        text = "<nested too deep to show>"
    except ValueError:
        text = "<number too long to show>"
    except Exception as error:
        text = f"<{_type_name(value)}: its repr raises {type(error).__name__}>"
    return shorten(without_addresses(str(text)), limit)


def without_addresses(text: str) -> str:
    return _ADDRESS.sub("", text)


def shorten(text: str, limit: int = 200) -> str:
    """Cut the middle out of a long text."""
    if len(text) <= limit:
        return text
    head = (limit - 5) * 2 // 3
    return f"{text[:head]} ... {text[len(text) - (limit - 5 - head) :]}"


def decode(data: object, tagged: Tagged | None = None, above: tuple[Any, ...] = ()) -> Any:
    """Convert JSON to values: the inverse of `encode`. Raise ValueError if the data is not what `encode` writes.

    `tagged` reads the tags that this module does not know. Containers are built item by item, so that an alarm can
    interrupt it.
    """
    if type(data) is float and data != data:
        # The JSON parser has one object for all NaNs, and a container that holds it would equal itself.
        return float("nan")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if not isinstance(data, list) or not data:
        raise ValueError("not tagged data")
    tag = data[0]
    if tag in ("l", "t"):
        items: list[object] = []
        deeper = (*above, items)
        items.extend(decode(data[i], tagged, deeper) for i in range(1, len(data)))
        return items if tag == "l" else tuple(items)
    try:
        return _decode_rare(tag, data, tagged, above)
    except (TypeError, LookupError, ArithmeticError) as error:
        raise ValueError(f"malformed data: {error}") from error


def _decode_rare(tag: object, data: list[Any], tagged: Tagged | None, above: tuple[Any, ...]) -> object:
    if tag == "^":
        return above[data[1]]
    if tag == "y":
        deeper = (*above, None)
        return build(data[1], data[2], [decode(data[i], tagged, deeper) for i in range(3, len(data))])
    if tag in ("s", "f"):
        items = set()
        for i in range(1, len(data)):
            items.add(decode(data[i], tagged, (*above, None)))
        return items if tag == "s" else frozenset(items)
    if tag == "d":
        pairs: dict[object, object] = {}
        deeper = (*above, pairs)
        for i in range(1, len(data), 2):
            pairs[decode(data[i], tagged, deeper)] = decode(data[i + 1], tagged, deeper)
        return pairs
    if tag in _SCALARS:
        return _SCALARS[str(tag)](*[decode(item, tagged) for item in data[1:]])
    if tagged is None:
        raise ValueError(f"unknown tag {tag!r}")
    return tagged(data)


def _builtin_type(name: str) -> type:
    kind = getattr(builtins, name, None)
    if not isinstance(kind, type):
        raise ValueError(f"no builtin type {name!r}")
    return kind


_SCALARS: dict[str, Callable[..., object]] = {
    "g": _builtin_type,
    "i": lambda text: int(text, 16),
    "n": decode_scalar,
    "N": decode_array,
    "nan": lambda module: (module in _NAN_MODULES and _named_nan(module)) or float("nan"),
    "x": lambda type_name, text, truth: Opaque(str(text)[:200], bool(truth)),
}
