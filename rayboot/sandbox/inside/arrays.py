"""numpy's arrays and scalars as plain data. Without numpy, a scalar is decoded as a number, an array as an `Array`."""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_PLAIN_TYPE = re.compile(r"[<>|=]?([biu][1248]|f[248]|c(8|16)|[US]\d{1,6})")
"""Booleans, numbers that Python's own types hold exactly, and strings: never objects."""
_MAX_DIMENSIONS = 64
_MAX_LENGTH = 1 << 32
_SHOWN_NESTED = 1000


def encode_numpy(value: Any, encode: Callable[[object], object]) -> list[object] | None:
    """Return a numpy value as tagged data; None for any other value, and for one that is not plain."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    try:
        if isinstance(value, numpy.generic) and _PLAIN_TYPE.fullmatch(value.dtype.str):
            return ["n", value.dtype.str, encode(value.item())]
        if isinstance(value, numpy.ndarray) and _PLAIN_TYPE.fullmatch(value.dtype.str):
            plain = numpy.ndarray.view(value, numpy.ndarray)
            return ["N", plain.dtype.str, encode(plain.shape), encode(plain.ravel().tolist())]
    except (AttributeError, TypeError, ValueError):  # a program's own class, or its own numpy
        pass
    return None


def decode_scalar(kind: str, item: object) -> object:
    """Return a scalar. Raise ValueError if its type is not plain."""
    if not _PLAIN_TYPE.fullmatch(kind):
        raise ValueError("not a plain type")
    numpy = sys.modules.get("numpy")
    return item if numpy is None else numpy.dtype(kind).type(item)


def decode_array(kind: str, shape: object, items: object) -> object:
    """Return an array. Raise ValueError if type, shape and items do not fit together."""
    if not (_PLAIN_TYPE.fullmatch(kind) and isinstance(shape, tuple) and isinstance(items, list)) or (
        len(shape) > _MAX_DIMENSIONS
    ):
        raise ValueError("not an array")
    lengths = [length for length in shape if isinstance(length, int) and 0 <= length <= _MAX_LENGTH]
    if len(lengths) != len(shape) or math.prod(lengths) != len(items):
        raise ValueError("an array's shape must fit its items")
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return Array(shape, items)
    array = numpy.array(items, dtype=kind)
    array.resize(shape, refcheck=False)  # a reshaped one would not own its data, and could not be resized
    return array


def is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is getattr(numpy, "ndarray", None)


def update(old: Any, new: Any) -> bool:
    """Change an array in place to the other side's version, and return True; return False if they are not both arrays.

    The program may have reshaped or resized it, too. A read-only array stays as it is.
    """
    if not (is_array(old) and is_array(new)):
        return False
    if old.flags.writeable:
        if old.shape != new.shape:
            with suppress(ValueError):  # a view, which the program could not resize either
                old.resize(new.shape, refcheck=False)
        if old.shape == new.shape:
            old[...] = new
    return True


class AmbiguousTruth(ArithmeticError):
    """What numpy raises for `assert f(x) == [1, 2]` if f returns an array, under the name that it has in numpy."""


AmbiguousTruth.__name__ = "ValueError"


def _comparison(compare: Callable[[Any, Any], object]) -> Callable[[Array, object], bool]:
    return lambda array, other: bool(compare(array._only_item(), other))


class Array:
    """An array where there is no numpy. With one item it compares as that item; a longer one raises, as in numpy."""

    def __init__(self, shape: tuple[int, ...], items: list[object]) -> None:
        self._shape = shape
        self._items = items

    def _only_item(self) -> Any:
        if len(self._items) != 1:
            raise AmbiguousTruth(
                "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
            )
        return self._items[0]

    def __bool__(self) -> bool:
        return bool(self._only_item())

    def __eq__(self, other: object) -> bool:
        return bool(self._only_item() == (other._only_item() if isinstance(other, Array) else other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)

    def __sub__(self, other: object) -> object:
        return self._only_item() - other

    def __repr__(self) -> str:
        # A shape with many dimensions of 1 would wrap each item in many lists.
        if len(self._items) > _SHOWN_NESTED:
            return f"array({self._items!r}, shape={self._shape})"
        return f"array({_nested(self._items, self._shape)!r})"


def _nested(items: list[object], shape: tuple[int, ...]) -> object:
    if not shape:
        return items[0]
    if len(shape) == 1 or not items:
        return items
    step = len(items) // shape[0]
    return [_nested(items[i : i + step], shape[1:]) for i in range(0, len(items), step)]
