"""`Resident`: the handler that lives in this child; calls it, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smoothop.engine.runners.process import wire
from smoothop.engine.runners.process.answers import UnsendableError, answer, unreadable
from smoothop.engine.runners.process.carried import carry
from smoothop.engine.worker.context import Context
from smoothop.results import HandleResult, wrong_result

if TYPE_CHECKING:
    from smoothop.engine.runners.process.inside.termination import Termination
    from smoothop.engine.runners.process.inside.wear import Wear
    from smoothop.engine.worker.slot import Slot
    from smoothop.handlers import HandlerCalls

Frame = tuple[int, bytes]


class Resident:
    """A handler that was made and set up; lives on the main thread."""

    def __init__(
        self,
        calls: HandlerCalls,
        slot: Slot,
        termination: Termination,
        wear: Wear,
        send: Callable[[int, bytes], None],
    ) -> None:
        """Take a handler that is set up; `send` sends a frame before the answer to an order."""
        self._calls = calls
        self._slot = slot
        self._termination = termination
        self._wear = wear
        self._send = send

    def handle(self, body: bytes) -> Frame:
        """Call `handle` with the message that `body` holds; return the answer."""
        try:
            message = wire.unpacked(body)
        except BaseException as error:  # noqa: BLE001 - unpickling runs the code of its class
            return wire.REFUSED, wire.packed(str(unreadable("the message", error)))
        context, termination = Context(self._slot, message), self._termination
        result: object = None
        answered: Frame | None = None
        try:
            termination.allow()
            result = self._calls.handle(context)
            termination.forbid()
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            termination.forbid()
            answered = raised(error)
        # Here nothing of a call that has failed is held by its traceback any more.
        self._wear.called()
        self.say_if_worn()
        return answered or returned(result)

    def say_if_worn(self) -> None:
        """Let the parent know when it should be replaced, whatever the order has come to."""
        worn = self._wear.why()
        if worn is not None:
            self._send(wire.WORN, worn.encode())

    def tear_down(self) -> Frame:
        """Call `teardown`, if there is one; return the answer."""
        teardown = self._calls.teardown
        if teardown is None:
            return wire.RETURNED, b""
        self._termination.forget()  # it is `teardown`'s turn, which has what is left of the time
        return fenced(self._termination, lambda: teardown(Context(self._slot)))


def fenced(termination: Termination, call: Callable[[], object]) -> Frame:
    """Make a call of user code other than `handle`; return the answer."""
    try:
        termination.allow()
        call()
        termination.forbid()
    except BaseException as error:  # noqa: BLE001 - the fence around handlers
        termination.forbid()
        return raised(error)
    return wire.RETURNED, b""


def returned(result: object) -> Frame:
    """Return the answer that says what `handle` has returned."""
    if type(result) is not HandleResult:
        return raised(wrong_result(result))
    try:
        return wire.RETURNED, answer(result)
    except UnsendableError as error:
        return wire.REFUSED, wire.packed(str(error))


def raised(error: BaseException) -> Frame:
    """Return the answer that says that `error` left user code."""
    return wire.RAISED, wire.packed(carry(error))
