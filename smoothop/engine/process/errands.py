"""`Errands`: what the parent does for the handler in a child: sends its messages, watches them.

All of it happens on the attendant's thread, and nothing there may block: what has to be waited
for is noted, and looked at again when somebody has nudged. The rules are those of a handler on a
thread: the same waits are refused, and the same circles are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol

from smoothop._durations import seconds
from smoothop.engine.current import enter_thread, refuse_own_message, turn_of, waits_without_limit
from smoothop.engine.dispatching import RoomWait
from smoothop.engine.process import requests
from smoothop.engine.process.requests import Request
from smoothop.engine.process.wire import unpacked
from smoothop.engine.receipt import OWN_DELIVERY, OWN_OUTCOME, Receipt

if TYPE_CHECKING:
    from smoothop.engine.core import WorkerCore
    from smoothop.engine.slot import Slot
    from smoothop.engine.waiting import Latch, Wakeable

Reply = Callable[[int, bool, Any], None]
"""Sends ``(number of the request, whether it went well, value or exception)``."""


class _Wait(Protocol):
    def is_over(self) -> bool:
        """Tell whether there is something to answer; raises what is to be answered instead."""

    def answer(self) -> Any:
        """Return the answer."""

    def left(self) -> float | None:
        """Return in how many seconds to look again, if nobody nudges."""

    def leave(self) -> None:
        """Wait no more."""


class Errands:
    """The errands for one child; made and used on its attendant's thread."""

    def __init__(self, slot: Slot, reply: Reply, nudge: Callable[[], Wakeable]) -> None:
        self._slot = slot
        self._reply = reply
        self._nudge = nudge
        self._receipts: dict[int, Receipt] = {}
        self._waits: dict[int, _Wait] = {}

    def run(self, request: Request) -> None:
        """Do what is asked; answer now or later."""
        for number in request.forgotten:
            self._receipts.pop(number, None)
        with self._answering(request.number), _as_if(self._slot if request.by_handler else None):
            wait = self._begin(request)
            if wait is not None:
                self._waits[request.number] = wait
        self.look()

    def look(self) -> None:
        """Answer what can be answered by now."""
        for number, wait in list(self._waits.items()):
            with self._answering(number):
                if wait.is_over():
                    self._reply(number, True, wait.answer())
                    self._leave(number)

    def pause(self) -> float | None:
        """Return in how many seconds to look again, if nobody nudges."""
        times = [left for wait in self._waits.values() if (left := wait.left()) is not None]
        return min(times, default=None)

    def end(self) -> None:
        """Wait for nothing any more: nobody is there to be answered."""
        for number in list(self._waits):
            self._leave(number)

    def _begin(self, request: Request) -> _Wait | None:
        arguments = request.arguments
        if request.what == requests.DISPATCH:
            return self._dispatch(request.number, *arguments)
        if request.what == requests.GIVE_UP:
            self._leave(*arguments)
            return None
        receipt = self._receipts[arguments[0]]
        if request.what == requests.STATE:
            self._reply(request.number, True, (receipt.delivered, receipt.is_set))
            return None
        if request.what == requests.DELIVERY:
            return _Delivery(receipt, self._nudge())
        unlimited = self._slot if request.by_handler and arguments[1] else None
        return _Outcome(receipt, self._nudge(), unlimited)

    def _dispatch(self, number: int, name: str, body: bytes, timeout: Any) -> _Wait:
        core = self._slot.core.operator._target(name)  # noqa: SLF001 - the engine's own door
        message = unpacked(body)
        limit = None if timeout is None else seconds(timeout, "timeout")
        return _Dispatch(core, message, limit, self._nudge(), self._keep(number))

    def _keep(self, number: int) -> Callable[[Receipt], int]:
        def keep(receipt: Receipt) -> int:
            self._receipts[number] = receipt
            return number

        return keep

    @contextmanager
    def _answering(self, number: int) -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - the handler's to know, whatever it is
            self._reply(number, False, error)
            self._leave(number)

    def _leave(self, number: int) -> None:
        wait = self._waits.pop(number, None)
        if wait is not None:
            wait.leave()


class _Dispatch:
    """A message on its way into a mailbox, inside what plugins put around each dispatch."""

    def __init__(
        self,
        core: WorkerCore,
        message: Any,
        limit: float | None,
        waiter: Wakeable,
        keep: Callable[[Receipt], int],
    ) -> None:
        self._keep = keep
        self._room: RoomWait | None = None
        self._around = ExitStack()
        self._context = copy_context()
        sender_context = None
        if core.enter_dispatch is not None:
            self._context.run(self._around.enter_context, core.enter_dispatch())
            sender_context = self._context.run(copy_context)
        with self._around_closed_by_errors():
            self._receipt = Receipt(core, message, sender_context)
            if not core.mailbox.offer(self._receipt):
                self._room = RoomWait(core, self._receipt, limit, waiter)

    def is_over(self) -> bool:
        with self._around_closed_by_errors():
            return self._room is None or self._room.accepted()

    def answer(self) -> int:
        return self._keep(self._receipt)

    def left(self) -> float | None:
        return None if self._room is None else self._room.left()

    def leave(self) -> None:
        if self._room is not None:
            self._room.leave()
        self._context.run(self._around.close)

    @contextmanager
    def _around_closed_by_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._context.run(self._around.__exit__, type(error), error, error.__traceback__)
            raise


class _LatchWait:
    """A wait for something that happens to a receipt."""

    def __init__(self, latch: Latch, waiter: Wakeable) -> None:
        self._latch = latch
        self._waiter = waiter
        latch.add(waiter)

    def is_over(self) -> bool:
        return self._latch.is_set

    def left(self) -> None:
        return None

    def leave(self) -> None:
        self._latch.discard(self._waiter)


class _Delivery(_LatchWait):
    def __init__(self, receipt: Receipt, waiter: Wakeable) -> None:
        if not receipt.delivered and not receipt.is_set:
            refuse_own_message(receipt._core, receipt, OWN_DELIVERY)  # noqa: SLF001 - its worker
        self._receipt = receipt
        super().__init__(receipt.delivery_latch(), waiter)

    def answer(self) -> bool:
        return self._receipt.delivered


class _Outcome(_LatchWait):
    def __init__(self, receipt: Receipt, waiter: Wakeable, unlimited: Slot | None) -> None:
        self._receipt = receipt
        self._noted = ExitStack()
        if not receipt.is_set:
            core = receipt._core  # noqa: SLF001 - its worker
            refuse_own_message(core, receipt, OWN_OUTCOME)
            need = turn_of(core, receipt)
            self._noted.enter_context(
                waits_without_limit(unlimited, need, "an outcome", receipt.done)
            )
        super().__init__(receipt, waiter)

    def answer(self) -> Any:
        return self._receipt.result(0)

    def leave(self) -> None:
        self._noted.close()
        super().leave()


@contextmanager
def _as_if(slot: Slot | None) -> Iterator[None]:
    """Let the rules for handlers hold here, on behalf of the handler in the child."""
    enter_thread(slot)
    try:
        yield
    finally:
        enter_thread(None)
