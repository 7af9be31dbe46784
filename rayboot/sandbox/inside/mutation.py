"""Containers that both processes hold: a change of a list in one is seen by the other, as if it were one list."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from . import arrays
from .values import Data

_SEQUENCES = (list, bytearray, deque)
MUTABLE = (*_SEQUENCES, dict, set, OrderedDict, defaultdict, Counter)


class Shared:
    """Containers that have crossed as arguments or results, by number.

    One side uses odd numbers, the other even numbers, for the containers that it was the first to send.
    """

    def __init__(self, first: int) -> None:
        self._next = first
        self._known: dict[int, tuple[object, Data]] = {}
        """Each container, and its data when the other side last received it, by number."""
        self._numbers: dict[int, int] = {}

    def write(self, value: object, data: Data) -> Data:
        """Return the data of a value, with its number if it is a container."""
        if type(value) not in MUTABLE and not arrays.is_array(value):
            return data
        number = self._numbers.get(id(value))
        if number is None:
            number = self._next
            self._next += 2
        self._know(number, value, data)
        return ["&", number, data]

    def _know(self, number: int, value: object, data: Data) -> None:
        self._known[number] = (value, data)
        self._numbers[id(value)] = number

    def read(self, number: object, data: Data, decode: Callable[[Data], object]) -> object:
        """Return the container of that number, updated to the data."""
        if type(number) is not int:
            raise ValueError("not the number of a container")
        value = decode(data)
        if number in self._known:
            _update(self._known[number][0], value)
            value = self._known[number][0]
        self._know(number, value, data)
        return value

    def changes(self, encode: Callable[[object], Data]) -> dict[str, Data]:
        """Return the data of containers that have changed since the other side last received them, by number."""
        changed = {}
        for number, (value, before) in self._known.items():
            if (data := encode(value)) != before:
                changed[str(number)] = data
                self._known[number] = (value, data)
        return changed

    def apply(self, changed: dict[str, Data], decode: Callable[[Data], object]) -> None:
        for key, data in changed.items():
            if key.isdigit() and int(key) in self._known:
                self.read(int(key), data, decode)

    def unused(self) -> list[int]:
        """Forget the containers that nothing else refers to any more, and return their numbers."""
        numbers = [number for number, entry in self._known.items() if sys.getrefcount(entry[0]) <= 2]
        self.forget(numbers)
        return numbers

    def forget(self, numbers: list[int]) -> None:
        for number in numbers:
            entry = self._known.pop(number, None)
            if entry is not None:
                self._numbers.pop(id(entry[0]), None)


def _update(old: Any, new: Any, above: tuple[int, ...] = ()) -> None:
    """Change a container in place to the other side's version. Inner containers keep their identity."""
    if arrays.update(old, new):
        return
    if id(new) in above:  # it contains itself
        return
    above = (*above, id(new))
    if old is new or type(old) is not type(new) or not isinstance(old, (*MUTABLE, tuple)):
        return
    if isinstance(old, _SEQUENCES):
        items: list[Any] = [
            _renewed(old[i], value, above) if i < len(old) else value for i, value in enumerate(new)
        ]
        old.clear()
        old.extend(items)
    elif isinstance(old, dict):
        renewed = {
            key: _renewed(old[key], value, above) if key in old else value for key, value in new.items()
        }
        old.clear()
        old.update(renewed)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    else:
        for before, after in zip(old, new, strict=False):
            _update(before, after, above)


def _renewed(old: object, new: object, above: tuple[int, ...]) -> object:
    if type(old) is type(new) and isinstance(old, MUTABLE):
        _update(old, new, above)
        return old
    return new
