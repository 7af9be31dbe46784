"""Modules beside the standard library, such as numpy, that a fork server imports for its programs.

The owner finds them, since it knows its site-packages. The fork server, a bare interpreter, learns of them from an
environment variable. Programs can read these modules alone, not what is installed beside them.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping

_VARIABLE = "RAYBOOT_PRELOAD"
_LAZY = {"numpy": ("numpy.random", "numpy.linalg", "numpy.fft")}
"""Submodules that a module imports only at their first use, for which a program would have to wait."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A fork server must be single-threaded, and a program must use one core."""


def environment(names: tuple[str, ...]) -> dict[str, str]:
    """Return the environment variables from which a fork server learns what to import.

    Raise ModuleNotFoundError, whose message is the module's name, if one is not installed.
    """
    if not names:
        return {}
    folders, paths = [], []
    for name in names:
        folder, files = _locate(name)
        folders.append(folder)
        paths += files
    found = {"modules": list(names), "folders": list(dict.fromkeys(folders)), "paths": paths}
    return {_VARIABLE: json.dumps(found), **_ONE_THREAD}


def _locate(name: str) -> tuple[str, list[str]]:
    """Return the folder from which a top-level module is imported, and the paths in it that belong to the module."""
    # Imported here, because the fork server imports this module too, and should stay small.
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    file = Path(spec.origin)
    own = file.parent if spec.submodule_search_locations else file
    files = [own, own.with_name(f"{name}.libs")]  # shared libraries of a wheel
    return str(own.parent), [str(path) for path in files if path.exists()]


def readable_of(variables: Mapping[str, str]) -> list[str]:
    """Return the paths that fork servers with these environment variables need to read."""
    paths: list[str] = json.loads(variables.get(_VARIABLE, "{}")).get("paths", [])
    return paths


def import_all() -> list[str]:
    """Import what the owner has requested, and return the paths that programs need to read for it.

    Call this once, before the fork server isolates itself.
    """
    found = json.loads(os.environ.pop(_VARIABLE, "{}"))
    if not found:
        return []
    sys.path += found["folders"]
    for name in found["modules"]:
        for part in (name, *_LAZY.get(name, ())):
            importlib.import_module(part)
    importlib.invalidate_caches()  # a program must not find names of files that it cannot read
    paths: list[str] = found["paths"]
    return paths
