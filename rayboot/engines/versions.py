"""The version of an engine's weights, and when it may change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Versions:
    """A gate: a call keeps the weights that it began with, and new weights wait for the calls in flight."""

    def __init__(self) -> None:
        self.current = 0
        """0 for the pretrained model, later the last `publish`'s."""
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._gate = asyncio.Lock()
        """Held while weights are replaced: calls that begin meanwhile queue for it."""

    @asynccontextmanager
    async def use(self) -> AsyncIterator[int]:
        """Hold the current weights during the block, and yield their version."""
        async with self._gate:
            self._calls += 1
            self._idle.clear()
        try:
            yield self.current
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    @asynccontextmanager
    async def replace(self, version: int) -> AsyncIterator[None]:
        """Wait for the calls in flight, hold back new ones, and set the version if the block succeeds."""
        async with self._gate:
            await self._idle.wait()
            yield
            self.current = version

    async def wait_until_idle(self) -> None:
        """Wait until no call is in flight."""
        await self._idle.wait()
