"""`Doorstep`: where a slot sleeps whose child has nothing to do.

The thread of the slot sleeps by listening to the child. So whoever has sent a message hands it to
the child itself, and the answer wakes the slot's thread: one change of threads less than if that
had to be woken first, only to sleep again until the answer is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smoothop.engine.runners.process.bell import Bell
from smoothop.engine.runners.thread import sleep_until_woken
from smoothop.engine.waiting import Waiter
from smoothop.engine.worker.context import Context
from smoothop.engine.worker.supervision import CALL, Decision, Wait
from smoothop.errors import MessageDroppedError

if TYPE_CHECKING:
    from smoothop.engine.messages.mailbox import Sleeper
    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.runners.process.calls import ChildCalls
    from smoothop.engine.worker.slot import Slot


class Doorstep:
    """The sleep of one slot; a `Wakeable`.

    Whoever wakes the slot drives it for a few steps, as if it were the slot's thread, which sleeps
    meanwhile: until the message is on its way. What can take time, or runs the code of others, is
    left to the slot's thread, which goes on from wherever that was.
    """

    def __init__(self, slot: Slot, calls: ChildCalls) -> None:
        """Make it for `slot`, whose calls go to `calls` as they are."""
        self._slot = slot
        self._calls = calls
        self._waiter = Waiter(slot.core.machine)
        self._bell: Bell | None = None
        # Held for the few steps of either. Reentrant: a collected object, or a signal handler, may
        # send a message to this very worker in the middle of them.
        self._door = slot.core.machine.lock()
        self._sleeper: Sleeper | None = None  # as long as nobody has woken it; with the door
        self._decision: Decision | None = None  # what the waker's steps came to; with the door
        self._context: Context | None = None  # of the call that was begun; with the door

    # -- from any thread

    def wake(self) -> None:
        """See `Wakeable.wake`; hands a message over if it can."""
        is_handed = False
        try:
            # For anything but a message, attention is drawn first.
            is_handed = not self._slot.attention and self._hand_over()
        finally:
            if not is_handed and self._bell is not None:
                self._bell.ring()

    # -- on the slot's thread

    def sleep(self, wait: Wait) -> Decision:
        """Sleep as long as `wait` says, or until woken; answer what follows."""
        bell = self._bell or self._hung_up()
        if bell is None or wait.until is not None:
            return sleep_until_woken(self._slot, wait, self._waiter)
        sleeper = self._slot.lie_down(wait, self)
        if sleeper is None:
            return self._slot.woken(None)
        self._sleeper = sleeper
        rang = bell.listen(self._calls.ear())
        with self._door:
            woken, self._sleeper = self._sleeper is None, None
        if woken:
            return self._go_on()
        if not rang:  # the child speaks unasked: it has ended, or something in it logs
            bell.listen(None)
        return self._slot.woken(sleeper)

    def close(self) -> None:
        """Give everything back."""
        if self._bell is not None:
            self._bell.close()

    # -- inside

    def _hand_over(self) -> bool:
        with self._door:
            sleeper, self._sleeper = self._sleeper, None
            if sleeper is None:
                return False
            slot = self._slot
            self._decision = slot.woken(sleeper)
            if self._decision is not CALL:
                return False
            context = slot.next_context()
            if context is None or slot.receipt is None:
                return False
            slot.since = slot.core.machine.monotonic()
            self._context = context = cast("Context", context)
            return self._calls.give(context.message)

    def _hung_up(self) -> Bell | None:
        try:
            self._bell = Bell(self._slot.core.machine.lock())
        except OSError:  # no descriptor is left: then without
            pass
        return self._bell

    def _go_on(self) -> Decision:
        """Answer what follows what the waker has begun."""
        slot, decision, context = self._slot, self._decision, self._context
        self._decision = self._context = None
        if context is not None:
            return self._finish(context)
        if slot.receipt is not None:
            self._drop(slot.receipt)
            decision = None
        return slot.woken(None) if decision is None else decision

    def _drop(self, receipt: Receipt) -> None:
        # Nobody can have its receipt: `dispatch` has raised what it was interrupted by.
        self._slot.receipt = None
        why = f"worker {self._slot.core.name}: its sender was interrupted"
        receipt.settle(None, (MessageDroppedError, why))

    def _finish(self, context: Context) -> Decision:
        slot = self._slot
        try:
            result = self._calls.handle(context)
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            return slot.panicked(error)
        return slot.returned(result, cast("float", slot.since))
