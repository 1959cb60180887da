"""How threads and coroutines wait, so that what they do can be written once.

What an actor does is a coroutine over a `Ways`, which for a thread never suspends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import TYPE_CHECKING, Any

from simulation.ledger import Entry, outcome_of
from smoothop import SmoothopError

if TYPE_CHECKING:
    from simulation.history import History

TIMEOUTS = (None, 0, 0.05, 1.0)


class Ways:
    """How a thread waits."""

    def __init__(self, history: History) -> None:
        self.history = history

    async def sleep(self, seconds: float) -> None:
        self.history.machine.sleep(seconds)

    async def ignore_stops(self) -> None:
        """Wait longer than a stop may take; a thread cannot be cancelled, so it does not."""

    async def ctx_wait(self, ctx: Any, seconds: float) -> None:
        ctx.wait(seconds)

    async def dispatch(self, door: Any, name: str, message: Any, timeout: float | None) -> Any:
        return door.dispatch(name, message, timeout=timeout)

    async def result(self, receipt: Any, timeout: float | None) -> None:
        receipt.result(timeout)

    async def completion(self, completion: Any, timeout: float | None) -> None:
        completion.result(timeout)
        self.history.check_threads(completion)

    async def event(self, stream: Any) -> Any:
        return stream.get(0.2)


class LoopWays(Ways):
    """How a coroutine waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def ignore_stops(self) -> None:
        await asyncio.sleep(60)

    async def ctx_wait(self, ctx: Any, seconds: float) -> None:
        await ctx.wait(seconds)

    async def dispatch(self, door: Any, name: str, message: Any, timeout: float | None) -> Any:
        send = getattr(door, "dispatch_async", door.dispatch)
        return await send(name, message, timeout=timeout)

    async def result(self, receipt: Any, timeout: float | None) -> None:
        if timeout is None:
            await receipt
        else:
            await asyncio.wait_for(receipt, timeout)

    async def completion(self, completion: Any, timeout: float | None) -> None:
        if timeout is None:
            await completion
        else:
            async with asyncio.timeout(timeout):
                await completion

    async def event(self, stream: Any) -> Any:
        async with asyncio.timeout(0.2):
            return await stream.get_async()


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a thread's way of waiting has suspended")


async def send(
    history: History, draw: Random, ways: Ways, door: Any, sender: str, target: str
) -> Entry | None:
    """Send one message, and keep the ledger."""
    ledger = history.ledger
    entry = ledger.trying(sender, target)
    try:
        receipt = await ways.dispatch(door, target, entry, draw.choice(TIMEOUTS))
    except SmoothopError:
        ledger.refused(entry)
        raise
    ledger.accepted(entry, receipt)
    return entry


async def send_and_ask(
    history: History, draw: Random, ways: Ways, door: Any, sender: str, target: str
) -> None:
    """Send one message, wait for what comes of it, and keep the ledger."""
    entry = await send(history, draw, ways, door, sender, target)
    assert entry is not None
    assert entry.receipt is not None
    try:
        await ways.result(entry.receipt, draw.choice(TIMEOUTS))
    finally:
        if entry.receipt.done():
            history.ledger.saw(entry, outcome_of(entry.receipt))
