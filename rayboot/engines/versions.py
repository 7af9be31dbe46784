"""Which weights an engine has, and when it may take others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Versions:
    """A gate: calls end with the weights that they began with, and new weights wait for them."""

    def __init__(self) -> None:
        self.current = 0
        """0 for the pretrained model, then as `publish` says."""
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = asyncio.Event()
        self._open.set()
        self._replacing = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[int]:
        """Hold the weights that are current, whose version it gives."""
        while not self._open.is_set():
            await self._open.wait()
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
        """Wait for the calls under way, hold back new ones, and count the weights as replaced if the body succeeds."""
        async with self._replacing:
            self._open.clear()
            try:
                await self._idle.wait()
                yield
                self.current = version
            finally:
                self._open.set()

    async def idle(self) -> None:
        """Wait until no call is under way."""
        await self._idle.wait()
