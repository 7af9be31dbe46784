"""No more requests in a minute than a provider takes."""

from __future__ import annotations

import asyncio
import time


class RateLimit:
    """Lets callers through one by one, first come, first served, and evenly spaced.

    Evenly, because providers measure a limit per minute over windows of seconds too: a burst would be refused.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._pause = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is the caller's turn. A turn is taken at once, so nobody overtakes."""
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + self._pause
        await asyncio.sleep(turn - now)
