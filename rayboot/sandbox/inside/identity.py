"""A user id that no other process has: limits on processes apply per user, and so does the right to send signals."""

from __future__ import annotations

import os

_FIRST = 2_000_000
_SMALL_RANGE = 1000
_NEEDED_CAPABILITIES = (0, 1, 3, 5, 6, 7)
"""CAP_CHOWN, _DAC_OVERRIDE and _FOWNER (the work directory), _KILL, _SETGID and _SETUID."""


def private_uid() -> int | None:
    """Return an id for this fork server's programs; None if this process may not change its user."""
    needed = sum(1 << capability for capability in _NEEDED_CAPABILITIES)
    if os.geteuid() != 0 or not has_capabilities(needed):
        return None
    count = min(_ids("uid_map"), _ids("gid_map"))  # a rootless container maps few
    if count > 2 * _FIRST:
        return _FIRST + os.getpid() % _FIRST
    return count - 1 - os.getpid() % (count // 2) if count > _SMALL_RANGE else None


def has_capabilities(needed: int) -> bool:
    """Return whether this process has the capabilities of the mask, whose bits capabilities(7) numbers."""
    masks = (line.split()[1] for line in _lines("status") if line.startswith("CapEff:"))
    return int(next(masks, "0"), 16) & needed == needed


def _ids(name: str) -> int:
    """Return how many ids from 0 on exist in this user namespace."""
    for line in _lines(name):
        inside, _, count = map(int, line.split())
        if inside == 0:
            return count
    return 0


def _lines(name: str) -> list[str]:
    with open(f"/proc/self/{name}") as file:
        return file.read().splitlines()
