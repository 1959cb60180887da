"""`Errands`: what the parent does for the handler in a child: sends its messages, watches them.

All of it happens on the attendant's thread, and nothing there may block: what has to be waited
for is noted, and looked at again when somebody has woken the attendant. The rules are those of a
handler on a thread: the same waits are refused, and the same circles are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

from smoothop._durations import seconds
from smoothop.engine.current import enter_thread
from smoothop.engine.runners.process import requests
from smoothop.engine.runners.process.requests import Request
from smoothop.engine.runners.process.waits import DeliveryWait, DispatchWait, OutcomeWait, Wait
from smoothop.engine.runners.process.wire import unpacked

if TYPE_CHECKING:
    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.waiting import Wakeable
    from smoothop.engine.worker.slot import Slot

Reply = Callable[[int, bool, Any], None]
"""Sends ``(number of the request, whether it went well, value or exception)``."""


class Errands:
    """The errands for one child; run on its attendant's thread.

    Attributes:
        call_context: the context variables around the running call, as plugins have set them in
            the parent: a message that the handler sends goes on from there.
    """

    def __init__(self, slot: Slot, reply: Reply, nudge: Callable[[], Wakeable]) -> None:
        self.call_context = Context()
        self._slot = slot
        self._reply = reply
        self._nudge = nudge
        self._receipts: dict[int, Receipt] = {}
        self._waits: dict[int, Wait] = {}

    def run(self, request: Request) -> None:
        """Do what is asked; answer now or later."""
        for number in request.forgotten:
            self._receipts.pop(number, None)
        with self._answering(request.number), _as_if(self._slot if request.by_handler else None):
            self._begin(request)
        self.look()

    def look(self) -> None:
        """Answer what can be answered by now."""
        for number, wait in list(self._waits.items()):
            with self._answering(number):
                if wait.is_over():
                    self._reply(number, True, wait.answer())
                    self._leave(number)

    def pause(self) -> float | None:
        """Return in how many seconds to look again, if nobody wakes the attendant."""
        times = [left for wait in self._waits.values() if (left := wait.left()) is not None]
        return min(times, default=None)

    def end(self) -> None:
        """Wait for nothing any more: nobody is there to be answered."""
        for number in list(self._waits):
            self._leave(number)

    def _begin(self, request: Request) -> None:
        number, arguments = request.number, request.arguments
        match request.what:
            case requests.DISPATCH:
                context = self.call_context.copy() if request.by_handler else Context()
                self._dispatch(context, number, *arguments)
            case requests.STATE:
                receipt = self._receipts[arguments[0]]
                self._reply(number, True, (receipt.delivered, receipt.is_set))
            case requests.DELIVERY:
                self._waits[number] = DeliveryWait(self._receipts[arguments[0]], self._nudge())
            case requests.OUTCOME:
                receipt, is_unlimited = self._receipts[arguments[0]], arguments[1]
                unlimited = self._slot if request.by_handler and is_unlimited else None
                self._waits[number] = OutcomeWait(receipt, self._nudge(), unlimited)
            case requests.GIVE_UP:
                self._leave(*arguments)

    def _dispatch(
        self, context: Context, number: int, name: str, body: bytes, timeout: Any
    ) -> None:
        core = self._slot.core.operator._target(name)  # noqa: SLF001 - the engine's own door
        limit = None if timeout is None else seconds(timeout, "timeout")
        wait = DispatchWait(context, core, unpacked(body), limit, self._nudge())
        self._waits[number] = wait
        self._receipts[number] = wait.receipt

    @contextmanager
    def _answering(self, number: int) -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - the handler's to know, whatever it is
            self._reply(number, False, error)
            self._receipts.pop(number, None)
            self._leave(number)

    def _leave(self, number: int) -> None:
        wait = self._waits.pop(number, None)
        if wait is not None:
            wait.leave()


@contextmanager
def _as_if(slot: Slot | None) -> Iterator[None]:
    """Let the rules for handlers hold here, on behalf of the handler in the child."""
    enter_thread(slot)
    try:
        yield
    finally:
        enter_thread(None)
