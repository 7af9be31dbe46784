"""Namespaces for a fork server: a root directory with only what programs may read, no network, no shared IPC."""

from __future__ import annotations

import os
import sys

from . import kernel

WORK_PARENT = "/cell"
"""The work directory's rule is for this directory: Landlock checks those above a mount, not the one under it."""
WORK_DIRECTORY = f"{WORK_PARENT}/tmp"
_BUILT_ON = "/tmp"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64")
_DATA = ("/usr/share/zoneinfo", "/etc/ld.so.cache")
_INSIDE_ID = 65534


def readable_paths(more: list[str]) -> list[str]:
    """Return the paths that a program may read: the libraries that Python loads lazily, and `more`."""
    paths = [f"{sys.base_prefix}/lib", f"{sys.base_exec_prefix}/lib", *_LIBRARIES, *_DATA, *more]
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]


def device_paths() -> list[str]:
    return [path for path in _DEVICES if os.path.exists(path)]


def enter(readable: list[str]) -> bool:
    """Move this process, which must be single-threaded, into new namespaces and the new root.

    Return whether that took a user namespace, as for an ordinary user. Raise OSError if the system does not allow it.
    """
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    as_user = False
    try:
        kernel.unshare(flags)
    except PermissionError:
        _unshare_as_user(flags)
        as_user = True
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    _build_root(readable)
    return as_user


def _unshare_as_user(flags: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(flags | kernel.CLONE_NEWUSER)
    ids = {"uid_map": f"{_INSIDE_ID} {uid} 1", "gid_map": f"{_INSIDE_ID} {gid} 1"}
    for name, text in {"setgroups": "deny", **ids}.items():
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _build_root(readable: list[str]) -> None:
    paths = [*readable, *device_paths()]
    sources = {path: os.open(path, os.O_PATH) for path in paths if not os.path.islink(path)}
    links = {path: os.readlink(path) for path in paths if os.path.islink(path)}
    root = _BUILT_ON  # covered by a tmpfs: the sources, some of which may lie below, are open already
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID, "size=1m,mode=755")
    for path, source in sources.items():
        _bind(source, path, root)
        os.close(source)
    for path, target in links.items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(target, root + path)
    os.makedirs(root + WORK_DIRECTORY)
    if not os.path.lexists(root + "/tmp"):  # it exists if a readable path lies below it
        os.symlink(WORK_DIRECTORY, root + "/tmp")
    kernel.make_read_only(root)
    kernel.pivot_root(root)


def _bind(source: int, path: str, root: str) -> None:
    target = root + path
    if os.path.lexists(target):  # below a path that is bound already
        return
    if os.path.isdir(f"/proc/self/fd/{source}"):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w").close()
    kernel.mount(f"/proc/self/fd/{source}", target, None, kernel.MS_BIND | kernel.MS_REC)
