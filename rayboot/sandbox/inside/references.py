"""Modules, classes and functions of the standard library, which cross by name: each side uses its own copy."""

from __future__ import annotations

import importlib
import sys
import types
from types import BuiltinFunctionType, FunctionType, ModuleType

_GENUINE = """
abc array asyncio bisect builtins calendar cmath collections copy dataclasses datetime decimal enum fractions functools
heapq inspect io itertools json math numbers numpy operator pathlib random re statistics string struct sys textwrap time
types typing unicodedata uuid zoneinfo
"""
_GENUINE_MODULES = frozenset(_GENUINE.split())
_NAMES_OF_TYPES: dict[object, str] = {
    kind: name
    for name, kind in vars(types).items()
    if isinstance(kind, type) and kind.__module__ == "builtins"
}
"""Types without a name in `builtins`, such as that of generators."""
_OF_HARNESSES = frozenset({"unittest", "doctest", "bdb", "pytest", "_pytest"})
"""Modules whose exceptions, such as a request to skip, control the tests, which a program must not do."""


def reference(value: object) -> tuple[str, str] | None:
    """Return the module and name of an object of the standard library; None for other objects.

    The name is empty for a module itself.
    """
    if isinstance(value, ModuleType):
        is_genuine = type(value) is ModuleType and _crosses(value, value.__name__)
        return (value.__name__, "") if is_genuine else None
    if not isinstance(value, type | FunctionType | BuiltinFunctionType):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not (isinstance(module, str) and isinstance(name, str) and _crosses(value, module)):
        return None
    if module == "builtins" and value in _NAMES_OF_TYPES:
        return "types", _NAMES_OF_TYPES[value]
    return (module, name) if vars(sys.modules.get(module, sys)).get(name) is value else None


def _crosses(value: object, module: str) -> bool:
    """Return whether it is a data type or only computes."""
    top = module.partition(".")[0]
    if isinstance(value, type) and issubclass(value, BaseException):
        modules = {part.__module__.partition(".")[0] for part in type.mro(value)}
        return top in sys.stdlib_module_names and not modules & _OF_HARNESSES
    return top.lstrip("_") in _GENUINE_MODULES and (top != "sys" or isinstance(value, ModuleType))


def genuine(module: object, name: object) -> object:
    """Return this process's own copy of what a reference names. Raise ValueError if that may not cross."""
    if not (isinstance(module, str) and isinstance(name, str)):
        raise ValueError("not a reference")
    if module.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
        raise ValueError(f"{module} is not of the standard library")
    try:
        found: object = importlib.import_module(module)
        found = getattr(found, name) if name else found
    except (ImportError, AttributeError) as error:
        raise ValueError(str(error)) from error
    if not _crosses(found, module):
        raise ValueError(f"{module}.{name} may not cross")
    return found
