"""Dispatching: a message is accepted or refused, never lost between."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from smoothop._durations import seconds
from smoothop.engine.current import (
    UnlimitedWait,
    circle_of_waits,
    current_slot,
    only_slot,
    turn_of,
)
from smoothop.engine.messages.mailbox import Sender
from smoothop.engine.messages.receipt import Receipt
from smoothop.engine.waiting import LoopWaiter, Waiter, Wakeable, running_loop
from smoothop.errors import DispatchTimeoutError, MailboxFullError, SmoothopError

if TYPE_CHECKING:
    from smoothop.engine.watching.observing import EnterDispatch
    from smoothop.engine.worker.core import WorkerCore


def wait_for_room(core: WorkerCore, receipt: Receipt, limit: float | None) -> Receipt:
    """Block until the mailbox of `core`, which is full, has taken the message; return its receipt.

    See `Operator.dispatch`; `limit` is in seconds.
    """
    if core.loop_thread() == threading.get_ident():
        raise _refused(
            core,
            MailboxFullError(
                f"the mailbox of worker {core.name} is full, and waiting for room here would "
                "block the event loop it runs on: await dispatch_async instead"
            ),
        )
    waiter = Waiter(core.machine)
    wait = RoomWait(core, receipt, limit, waiter)
    try:
        while not wait.accepted():
            waiter.wait(wait.left())
    finally:
        wait.leave()
    return receipt


async def wait_for_room_async(core: WorkerCore, receipt: Receipt, limit: float | None) -> Receipt:
    """Do the same without blocking the running event loop."""
    waiter = LoopWaiter(running_loop())
    wait = RoomWait(core, receipt, limit, waiter)
    try:
        while not wait.accepted():
            await waiter.wait(wait.left())
    finally:
        wait.leave()
    return receipt


def dispatch_inside(
    enter: EnterDispatch, core: WorkerCore, message: Any, limit: float | None
) -> Receipt:
    """Dispatch inside what `enter` gives; the context there goes with the message."""
    with enter():
        receipt = Receipt(core, message, copy_context())
        return receipt if core.mailbox.offer(receipt) else wait_for_room(core, receipt, limit)


async def dispatch_inside_async(
    enter: EnterDispatch, core: WorkerCore, message: Any, limit: float | None
) -> Receipt:
    """Do the same without blocking the running event loop."""
    with enter():
        receipt = Receipt(core, message, copy_context())
        if core.mailbox.offer(receipt):
            return receipt
        return await wait_for_room_async(core, receipt, limit)


class RoomWait:
    """One dispatcher's wait for room in a mailbox."""

    def __init__(
        self, core: WorkerCore, receipt: Receipt, limit: float | None, waiter: Wakeable
    ) -> None:
        self._core = core
        self._slot = current_slot()
        self._limit = _shorter(limit, seconds(core.config.max_dispatch_timeout, "timeout"))
        self._sender = Sender(receipt, waiter)
        self._deadline = None if self._limit is None else core.machine.monotonic() + self._limit
        self._refuse_endless()
        if self._slot is not None:
            self._slot.run.stop.add(waiter)
            if self._limit is None:
                self._slot.waits_for = UnlimitedWait(turn_of(core), self._is_over)
        core.mailbox.queue_up(self._sender)

    def accepted(self) -> bool:
        """Tell whether the message is in the mailbox.

        Raises:
            DispatchTimeoutError: time is up, or the waiting worker is asked to stop.
            SmoothopError: the mailbox takes no messages any more.
        """
        if self._sender.accepted:
            return True
        if self._sender.refusal is not None:
            raise self._sender.refusal()
        self._refuse_circle()
        why = self._why_give_up()
        if why is None or not self._core.mailbox.withdraw(self._sender):
            return self._sender.accepted
        raise _refused(self._core, DispatchTimeoutError(f"dispatch timeout: {why}"))

    def left(self) -> float | None:
        """Return how long to wait at most, in seconds."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - self._core.machine.monotonic())

    def leave(self) -> None:
        """Wait no more, however the wait ended."""
        self._core.mailbox.withdraw(self._sender)
        if self._slot is not None:
            self._slot.run.stop.discard(self._sender.waiter)
            self._slot.waits_for = None

    def _is_over(self) -> bool:
        sender, slot = self._sender, self._slot
        stopping = slot is not None and slot.run.stopping
        return sender.accepted or sender.refusal is not None or stopping

    def _why_give_up(self) -> str | None:
        target = f"no room in the mailbox of worker {self._core.name} ({self._core.mailbox.size})"
        if self._slot is not None and self._slot.run.stopping:
            return f"{target} before worker {self._slot.core.name} was asked to stop"
        if self._deadline is not None and self._core.machine.monotonic() >= self._deadline:
            return f"{target} within {self._limit:g} s"
        return None

    def _refuse_endless(self) -> None:
        slot = self._slot
        if slot is not None and slot.core is self._core and only_slot(slot):
            raise _refused(
                self._core,
                MailboxFullError(
                    f"worker {self._core.name} dispatches to itself while its mailbox is full"
                ),
            )

    def _refuse_circle(self) -> None:
        if self._slot is None or self._limit is not None:
            return
        circle = circle_of_waits(self._slot)
        if circle and self._core.mailbox.withdraw(self._sender):
            text = f"these workers wait for each other with full mailboxes: {' -> '.join(circle)}"
            raise _refused(self._core, MailboxFullError(text))


def _refused(core: WorkerCore, error: SmoothopError) -> SmoothopError:
    core.dispatch_failed(str(error))
    return error


def _shorter(limit: float | None, most: float) -> float | None:
    if not most:
        return limit
    return most if limit is None else min(limit, most)
