"""`Receipt`: what a dispatcher holds of a message it has sent."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smoothop._durations import Duration, seconds
from smoothop.engine.current import (
    current_slot,
    refuse_blocking_loop,
    refuse_own_message,
    turn_of,
    waits_without_limit,
)
from smoothop.engine.waiting import MAKING, Latch
from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.slot import Slot

OWN_OUTCOME: Final = "the outcome of a message to itself"
OWN_DELIVERY: Final = "the delivery of a message to itself"


class _Failure(NamedTuple):
    """What a receipt holds in place of a value when there is none."""

    kind: type[SmoothopError]
    text: str
    cause: BaseException | None


class Receipt(Latch):
    """The dispatcher's side of one accepted message; made by `Operator.dispatch`.

    Every receipt gets exactly one outcome, whatever happens to the worker. All members are safe
    from any thread; the waiting ones block the calling thread, ``await receipt`` does not.
    """

    # A receipt is made for every message, so it is slotted and makes what waiting needs only
    # when somebody waits: a tenth of the cost of a standard library future.
    __slots__ = (
        "__weakref__",
        "_core",
        "_open",
        "_value",
        "accepted_at",
        "delivered",
        "delivery",
        "message",
        "sender_context",
    )

    accepted_at: float
    """Monotonic time of acceptance; set by the mailbox, before anybody can take the message."""

    def __init__(
        self, core: WorkerCore, message: Any, sender_context: VariableContext | None = None
    ) -> None:
        self.is_set = False
        self._waiters = None
        self._open = True
        self._core = core
        self.delivery: Latch | None = None
        self.delivered = False
        self.message = message
        self.sender_context = sender_context

    def __repr__(self) -> str:
        state = "done" if self.is_set else "delivered" if self.delivered else "waiting"
        return f"<Receipt worker={self._core.name!r} {state}>"

    # -- for the dispatcher

    def done(self) -> bool:
        """Tell whether there is an outcome; never blocks."""
        return self.is_set

    def wait_delivered(self, timeout: Duration | None = None) -> bool:
        """Block until the handler has been given the message.

        Args:
            timeout: seconds to wait at most; ``None``: no limit.

        Returns:
            Whether it was delivered. ``False`` when time ran out, and at once when the message
            was dropped undelivered.

        Raises:
            SmoothopError: the wait could never end: it is the worker's own handler that waits.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        if not self.delivered and not self.is_set:
            refuse_own_message(self._core, self, OWN_DELIVERY)
            refuse_blocking_loop((self._core,))
            slot, latch = current_slot(), self.delivery_latch()
            if slot is None or limit is not None:
                self._park(latch, limit)
            else:
                self._wait_without_limit(latch, slot, "a delivery", lambda: latch.is_set)
        return self.delivered

    def result(self, timeout: Duration | None = None) -> Any:
        """Block until there is an outcome and return what the handler passed to `done`.

        Args:
            timeout: seconds to wait at most; ``None``: no limit.

        Returns:
            The result of `done`; ``None`` after `none`.

        Raises:
            HandlerFailedError: the handler returned `fail`; its error is the ``__cause__``.
            HandlerPanickedError: the handler panicked; the exception is the ``__cause__``.
            MessageDroppedError: no handler will finish the message any more.
            TimeoutError: there was no outcome within `timeout`.
            SmoothopError: the wait could never end: it is the worker's own handler that waits.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        if not self.is_set and not self._wait_for_outcome(limit):
            raise TimeoutError(f"no outcome from worker {self._core.name} within {limit:g} seconds")
        return self._outcome()

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.is_set:
            slot = current_slot()
            if slot is None:
                yield from self.wait_async(None).__await__()
            else:
                refuse_own_message(self._core, self, OWN_OUTCOME)
                need = turn_of(self._core, self)
                with waits_without_limit(slot, need, "an outcome", self.done) as look_again:
                    if not (yield from self.wait_async(None, slot.run.stop).__await__()):
                        look_again()
                        yield from self.wait_async(None).__await__()
        return self._outcome()

    # -- for the worker

    def settle(
        self,
        value: Any,
        failure: tuple[type[SmoothopError], str] | None = None,
        cause: BaseException | None = None,
    ) -> bool:
        """Give the receipt its outcome, unless it has one; tell whether this call did it."""
        # Deleting a slot works once: that is the whole claim to be the one who settles.
        try:
            del self._open
        except AttributeError:
            return False
        self.message = self.sender_context = None
        self._value = value if failure is None else _Failure(*failure, cause)
        self.is_set = True  # first the fact, then who waits: see Latch
        if self._waiters is not None:
            self.set()
        if self.delivery is not None:
            self.delivery.set()
        return True

    def _outcome(self) -> Any:
        value = self._value
        if type(value) is not _Failure:
            return value
        # A new exception for every caller: one shared by many would collect their tracebacks.
        raise value.kind(value.text) from value.cause

    def _wait_for_outcome(self, limit: float | None) -> bool:
        core, slot = self._core, current_slot()
        if slot is None:  # no handler waits, so nobody can be waiting for the caller
            if core.loop_thread() is not None:
                refuse_blocking_loop((core,))
            return self._park(self, limit)
        refuse_own_message(core, self, OWN_OUTCOME)
        refuse_blocking_loop((core,))
        if limit is not None:
            return self._park(self, limit)
        self._wait_without_limit(self, slot, "an outcome", self.done)
        return True

    def _wait_without_limit(
        self, latch: Latch, slot: Slot, what: str, is_over: Callable[[], bool]
    ) -> None:
        with waits_without_limit(slot, turn_of(self._core, self), what, is_over) as look_again:
            if not self._park(latch, None, slot.run.stop):
                look_again()
                self._park(latch, None)

    def _park(self, latch: Latch, limit: float | None, other: Latch | None = None) -> bool:
        return self._core.means.parking.wait(latch, limit, other)

    def delivery_latch(self) -> Latch:
        """Return what is set when the message is delivered or never will be."""
        with MAKING:
            if self.delivery is None:
                self.delivery = Latch()
        if self.delivered or self.is_set:
            self.delivery.set()
        return self.delivery
