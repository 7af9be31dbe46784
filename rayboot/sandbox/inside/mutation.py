"""Arguments that the program changed, changed in the judge's process too: tests of in-place functions look at them."""

from __future__ import annotations

from typing import Any

from . import arrays

MUTABLE = (list, dict, set, bytearray)


def bring_up_to_date(old: Any, new: Any) -> None:
    """Change a container in place to what the program made of it, keeping inner containers themselves."""
    if arrays.update(old, new):
        return
    if type(old) is not type(new) or not isinstance(old, (*MUTABLE, tuple)):
        return
    if isinstance(old, list | bytearray):
        old[:] = [_renewed(old[i], value) if i < len(old) else value for i, value in enumerate(new)]
    elif isinstance(old, dict):
        renewed = {key: _renewed(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(renewed)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    else:
        for before, after in zip(old, new, strict=False):
            bring_up_to_date(before, after)


def _renewed(old: Any, new: Any) -> Any:
    if type(old) is type(new) and isinstance(old, MUTABLE):
        bring_up_to_date(old, new)
        return old
    return new
