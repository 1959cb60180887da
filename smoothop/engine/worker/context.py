"""`Context` and `AsyncContext`: what a handler is given."""

from __future__ import annotations

from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Any

from smoothop._durations import Duration, seconds

if TYPE_CHECKING:
    from smoothop.engine.logs import LoggerAdapter
    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.worker.slot import Slot


class _BaseContext:
    """What both kinds share."""

    __slots__ = ("_slot", "message", "sender_context")

    message: Any
    """The dispatched message, or ``None`` when there was none."""

    sender_context: VariableContext | None
    """The context variables of whoever sent the message, as they were then.

    Kept only while a plugin implements `smoothop_around_dispatch`; otherwise, and when there was
    no message, ``None``. Meant for tracing: read a variable with ``sender_context.get(variable)``.
    """

    def __init__(
        self, slot: Slot, message: Any = None, sender_context: VariableContext | None = None
    ) -> None:
        self._slot = slot
        self.message = message
        self.sender_context = sender_context

    @property
    def worker(self) -> str:
        """The worker's name."""
        return self._slot.core.name

    @property
    def cancelled(self) -> bool:
        """``True`` from the moment this worker was asked to stop."""
        return self._slot.run.stopping

    @property
    def logger(self) -> LoggerAdapter:
        """A logger whose records carry the worker's name as ``record.worker``."""
        return self._slot.core.handler_logger

    def __repr__(self) -> str:
        return f"<{type(self).__name__} worker={self.worker!r} cancelled={self.cancelled}>"


class Context(_BaseContext):
    """What a sync handler is given; its members may be used from any thread.

    A call with a message gets a context of its own, so it stays what it was if it is kept.
    """

    __slots__ = ()

    def wait(self, timeout: Duration | None = None) -> bool:
        """Block until the worker is asked to stop, at most `timeout` seconds.

        Use it in place of `time.sleep`: a stop ends it at once.

        Returns:
            `cancelled`.

        Raises:
            ValueError: `timeout` is negative, not finite or not a duration.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        return self._slot.run.stop.wait(self._slot.core.machine, limit)

    def dispatch(self, name: str, message: Any, *, timeout: Duration | None = None) -> Receipt:
        """Send a message to another worker; see `Operator.dispatch`.

        Raises:
            DispatchTimeoutError: also when this worker is asked to stop while it waits for room.
        """
        return self._slot.core.operator.dispatch(name, message, timeout=timeout)


class AsyncContext(_BaseContext):
    """What an async handler is given; to be used on its event loop.

    A call with a message gets a context of its own, so it stays what it was if it is kept.
    """

    __slots__ = ()

    async def wait(self, timeout: Duration | None = None) -> bool:
        """Wait until the worker is asked to stop, at most `timeout` seconds.

        Use it in place of `asyncio.sleep`: a stop ends it at once.

        Returns:
            `cancelled`.

        Raises:
            ValueError: `timeout` is negative, not finite or not a duration.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        return await self._slot.run.stop.wait_async(limit)

    async def dispatch(
        self, name: str, message: Any, *, timeout: Duration | None = None
    ) -> Receipt:
        """Send a message to another worker; see `Operator.dispatch_async`.

        Raises:
            DispatchTimeoutError: also when this worker is asked to stop while it waits for room.
        """
        return await self._slot.core.operator.dispatch_async(name, message, timeout=timeout)
