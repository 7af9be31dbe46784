"""numpy's arrays and scalars as plain data. Without numpy, a scalar is read as a number and an array as an `Array`."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any

_PLAIN_TYPE = re.compile(r"[<>|=]?([biu][1248]|f[248]|c(8|16)|[US]\d{1,6})")
"""Booleans, numbers that Python's own hold exactly, and texts: never objects."""
_MAX_DIMENSIONS = 64
_MAX_LENGTH = 1 << 32
_SHOWN_NESTED = 1000


def encode_numpy(value: Any, encode: Callable[[Any], Any]) -> Any:
    """A value of numpy's as tagged data; None for any other value, and for what is not plain."""
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


def decode_scalar(kind: str, item: Any) -> Any:
    """Raises ValueError for what is not a plain type."""
    if not _PLAIN_TYPE.fullmatch(kind):
        raise ValueError("not a plain type")
    numpy = sys.modules.get("numpy")
    return item if numpy is None else numpy.dtype(kind).type(item)


def decode_array(kind: str, shape: Any, items: Any) -> Any:
    """Raises ValueError where the three do not fit."""
    plain = _PLAIN_TYPE.fullmatch(kind) and isinstance(shape, tuple) and isinstance(items, list)
    if not plain or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("not an array")
    lengths = [length for length in shape if isinstance(length, int) and 0 <= length <= _MAX_LENGTH]
    if len(lengths) != len(shape) or math.prod(lengths) != len(items):
        raise ValueError("an array's shape must fit its items")
    numpy = sys.modules.get("numpy")
    return Array(shape, items) if numpy is None else numpy.array(items, dtype=kind).reshape(shape)


def is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is getattr(numpy, "ndarray", None)


def update(old: Any, new: Any) -> bool:
    """Change an array in place to what the program made of it; False where they are not arrays of one shape."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(old) is not numpy.ndarray or type(new) is not numpy.ndarray:
        return False
    if old.shape == new.shape and old.flags.writeable:
        old[...] = new
    return True


class AmbiguousTruth(ArithmeticError):
    """What numpy raises for `assert f(x) == [1, 2]` where f gives an array, under the name that it has there."""


AmbiguousTruth.__name__ = "ValueError"


class Array:
    """An array where there is no numpy. One of one item compares as that item; with longer ones numpy refuses, too."""

    def __init__(self, shape: tuple[int, ...], items: list[Any]) -> None:
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

    def __lt__(self, other: Any) -> bool:
        return bool(self._only_item() < other)

    def __le__(self, other: Any) -> bool:
        return bool(self._only_item() <= other)

    def __gt__(self, other: Any) -> bool:
        return bool(self._only_item() > other)

    def __ge__(self, other: Any) -> bool:
        return bool(self._only_item() >= other)

    def __sub__(self, other: Any) -> Any:
        return self._only_item() - other

    def __repr__(self) -> str:
        if len(self._items) > _SHOWN_NESTED:  # a shape of many ones would make many lists of each item
            return f"array({self._items!r}, shape={self._shape})"
        return f"array({_nested(self._items, self._shape)!r})"


def _nested(items: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return items[0]
    if len(shape) == 1 or not items:
        return items
    step = len(items) // shape[0]
    return [_nested(items[i : i + step], shape[1:]) for i in range(0, len(items), step)]
