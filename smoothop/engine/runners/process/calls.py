"""`ChildCalls`: the calls of a handler that lives in a child, for the slot that makes them."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from smoothop.engine.runners.process import records, wire
from smoothop.engine.runners.process.answers import (
    UnsendableError,
    told_by,
    unreadable,
    unsendable,
)
from smoothop.engine.runners.process.attendant import Attendant
from smoothop.engine.runners.process.beginning import beginning
from smoothop.engine.runners.process.carried import arrived
from smoothop.engine.runners.process.child import Child, UnreadError
from smoothop.engine.runners.process.exits import HAD_CLOSED, ChildDiedError
from smoothop.engine.runners.process.orders import Order, is_light
from smoothop.results import HandleResult, fail

if TYPE_CHECKING:
    from smoothop.engine.worker.context import Context
    from smoothop.engine.worker.slot import Slot

_BEFORE: Final = (wire.LOGGED, wire.WORN)

_LAST_BREATH: Final = 1.0
"""Seconds that a child which has closed the socket for its orders has to end."""


class ChildCalls:
    """Makes the children of one slot, one after the other, and the calls there.

    All of it happens on the slot's thread but `kill` and `stack`, which any may call.
    """

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._core = slot.core
        self._child: Child | None = None
        self._attendant: Attendant | None = None
        self._is_busy = self._is_leaving = False
        self._died: str | None = None
        self._worn: str | None = None  # said of the last order
        self._is_warned = slot.number > 0  # the first slot speaks for all
        self._given: Order | None = None

    # -- the calls

    def set_up(self, _: Context) -> None:
        """Begin a child: make the handler there and call its `setup`.

        Raises:
            ChildDiedError: one has died between two calls. That is said once, so that it counts
                as the panic it is, and no message is lost with it.
        """
        died, self._died = self._died, None
        if died is not None:
            raise ChildDiedError(died)
        if self._present() is None:
            self._begin()

    def handle(self, ctx: Context) -> HandleResult:
        """Call `handle` there, or go on with the call that `give` has begun.

        A child that died before it saw the message is replaced, and the new one gets it.
        """
        child, order = self._child, self._given
        self._given = None
        if order is None:
            child = self._present()
            try:
                order = Order(wire.HANDLE, wire.packed(ctx.message))
            except BaseException as cause:  # noqa: BLE001 - pickling runs the code of its class
                return fail(unsendable("the message", ctx.message, cause))
        if child is not None:
            try:
                return self._result(*self._order(child, order))
            except UnreadError:
                how = self._how_it_ended(child)
                if self._slot.run.stopping:  # it was made to leave: no other one is begun
                    raise self._death(child) from None
                if self._died is None:  # its attendant has taken it for busy
                    self._warn_idle(how)
                self._died = how
        order.unsend()
        child = self._begin()
        self._slot.since = self._core.machine.monotonic()  # this one may be stuck as well
        return self._result(*self._order_or_die(child, order))

    def give(self, message: Any) -> bool:
        """Begin the call for `message`, if that takes no time; `handle` has to go on with it.

        On the thread of whoever wakes the slot, whose own thread listens to the child.

        Returns:
            Whether nothing is left to do but to hear the answer.
        """
        child = self._present()
        if child is None or not is_light(message):
            return False
        # In this order: what was given is seen through, and so the child is busy no longer.
        self._given = order = Order(wire.HANDLE, wire.packed(message))
        self._is_busy = True
        child.offer(order)
        return order.is_sent

    def ear(self) -> int | None:
        """Return the descriptor where the child that is there is heard; ``None`` without one."""
        child = self._present()
        return None if child is None else child.ear

    def end(self) -> None:
        """See the child out, and wait until it has ended; its `teardown` is called there."""
        child, attendant = self._child, self._attendant
        if child is None or attendant is None:
            return
        if not self._is_leaving and child.exit is None:  # or its death is yet to be told
            self._see_out(attendant)
        attendant.gone.wait(self._core.machine, None)
        attendant.thread.join(_LAST_BREATH)
        child.close()
        self._child = self._attendant = None

    # -- from any thread

    def stack(self) -> str | None:
        """Return where the handler stands, if a child is carrying out an order."""
        attendant = self._attendant
        return attendant.stack() if attendant is not None and self._is_busy else None

    def kill(self, why: str) -> None:
        """End the child at once, if there is one: whatever it does, that is a panic."""
        child = self._child
        if child is not None:
            child.kill(why)

    # -- inside

    def _present(self) -> Child | None:
        """Return the child that is there, with the handler set up."""
        child = self._child
        return None if child is None or child.exit is not None or self._is_leaving else child

    def _begin(self) -> Child:
        self.end()
        child = Child(self._slot.label)
        try:
            self._attendant = Attendant(self._slot, child, self._lost)
        except BaseException:
            child.discard()
            raise
        self._child = child
        self._is_leaving = False
        order = Order(wire.BEGIN, wire.packed(beginning(self._slot)))
        kind, body = self._order_or_die(child, order)
        if kind == wire.RAISED:
            self.end()
            raise arrived(wire.unpacked(body))
        if self._worn is not None:
            self._warn(self._worn)
        return child

    def _order_or_die(self, child: Child, order: Order) -> tuple[int, bytes]:
        try:
            return self._order(child, order)
        except UnreadError:
            raise self._death(child) from None

    def _order(self, child: Child, order: Order) -> tuple[int, bytes]:
        """Give an order and return the answer.

        Raises:
            UnreadError: the child died before.
            ChildDiedError: it died over it, or had to; says how.
        """
        self._is_busy = True
        self._worn = None
        if self._attendant is not None:
            self._attendant.errands.call_context = copy_context()
        try:
            child.order(order)
            while (answer := child.answer())[0] in _BEFORE:
                self._said_before(*answer)
        except EOFError:
            raise self._death(child) from None
        except MemoryError as error:  # what is left of it would be taken for the next answer
            child.kill("there was no memory for its answer")
            raise self._death(child) from error
        finally:
            self._is_busy = False
        return answer

    def _said_before(self, kind: int, body: bytes) -> None:
        if kind == wire.LOGGED:
            records.write(body)
        else:
            self._worn = body.decode()

    def _result(self, kind: int, body: bytes) -> HandleResult:
        if self._worn is not None:
            self._replace(self._worn)
        try:
            said = wire.unpacked(body)
        except BaseException as error:  # noqa: BLE001 - unpickling runs the code of its class
            return fail(unreadable("the result", error))
        if kind == wire.RAISED:
            raise arrived(said)
        if kind == wire.REFUSED:
            return fail(UnsendableError(said))
        return told_by(said)

    def _warn(self, worn: str) -> None:
        if not self._is_warned:
            self._is_warned = True
            self._core.log.warning(
                "child process is worn before its first call",
                reason=f"{worn} after its setup, so each call takes a child of its own: "
                "give max_memory more than that, or 0 for no limit",
            )

    def _replace(self, worn: str) -> None:
        self._core.log.info("replacing child process", reason=worn)
        if self._attendant is not None:
            self._see_out(self._attendant)
            self._slot.lose_setup()

    def _see_out(self, attendant: Attendant) -> None:
        self._is_leaving = True
        attendant.see_out()

    def _lost(self) -> None:
        """The child has ended; told on its attendant's thread."""
        child, attendant = self._child, self._attendant
        if child is None or attendant is None:
            return
        if self._is_leaving:
            if not attendant.teardown_is_told:  # it has died in it, or just before
                self._core.teardown_failed(ChildDiedError(child.exit))
            return
        # If it is busy, whoever waits for the answer says so, or goes on with what was given.
        is_idle = not self._is_busy
        if is_idle:
            self._died = child.exit
        self._slot.lose_setup()  # before anybody can read that it is gone
        if is_idle:
            self._warn_idle(child.exit)
            self._slot.lose_setup(broke=True)

    def _warn_idle(self, how: str | None) -> None:
        self._core.log.warning("child process ended while idle", error=how)

    def _death(self, child: Child) -> ChildDiedError:
        """Return the error that tells of a death, which nobody else tells then."""
        how = self._how_it_ended(child)
        self._died = None
        return ChildDiedError(how)

    def _how_it_ended(self, child: Child) -> str:
        attendant = self._attendant
        assert attendant is not None  # noqa: S101 - every child has one
        if not attendant.gone.wait(self._core.machine, _LAST_BREATH):
            child.kill(HAD_CLOSED)
            attendant.gone.wait(self._core.machine, None)
        return child.exit or ""
