"""Something that happens once, which threads and coroutines wait for with a deadline."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

DEADLINE: Final = 20.0
"""Seconds after which a wait fails the test: far beyond what a busy machine needs."""


class Gate:
    """Closed until `open` is called, from any thread; waiting for it fails after `DEADLINE`."""

    def __init__(self, name: str = "gate") -> None:
        self.name = name
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def open(self) -> None:
        """Let everybody through, now and later."""
        with self._lock:
            self._event.set()
            sleepers, self._sleepers = self._sleepers, []
        for loop, future in sleepers:
            loop.call_soon_threadsafe(_set, future)

    def is_open(self) -> bool:
        """Tell whether it has been opened."""
        return self._event.is_set()

    def wait(self) -> None:
        """Block until it is open."""
        if not self._event.wait(DEADLINE):
            raise AssertionError(f"{self.name} was not opened within {DEADLINE:g} s")

    async def passed(self) -> None:
        """Wait on the running event loop until it is open."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._event.is_set():
                return
            self._sleepers.append((loop, future))
        async with asyncio.timeout(DEADLINE):
            await future


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
