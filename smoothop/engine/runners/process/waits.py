"""What a handler in a child can wait for in the parent, without anybody blocking there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol

from smoothop.engine.current import refuse_own_message, turn_of, waits_without_limit
from smoothop.engine.messages.dispatching import RoomWait
from smoothop.engine.messages.receipt import OWN_DELIVERY, OWN_OUTCOME, Receipt

if TYPE_CHECKING:
    from smoothop.engine.waiting import Latch, Wakeable
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.slot import Slot


class Wait(Protocol):
    """Something that may take its time; whoever waits is woken when it is worth a look."""

    def is_over(self) -> bool:
        """Tell whether there is something to answer; raises what is to be answered instead."""
        ...

    def answer(self) -> Any:
        """Return the answer, once it is over."""
        ...

    def left(self) -> float | None:
        """Return in how many seconds to look again, if nobody wakes; ``None``: then never."""
        ...

    def leave(self) -> None:
        """Wait no more; called once, however it ended."""
        ...


class DispatchWait:
    """For a message to be in its mailbox, inside what plugins put around each dispatch.

    Attributes:
        receipt: that of the message.
    """

    def __init__(
        self,
        context: Context,
        core: WorkerCore,
        message: Any,
        limit: float | None,
        waiter: Wakeable,
    ) -> None:
        self._context = context
        self._around = ExitStack()
        self._room: RoomWait | None = None
        sender_context = None
        if core.enter_dispatch is not None:
            context.run(self._around.enter_context, core.enter_dispatch())
            sender_context = context.run(copy_context)
        with self._around_told():
            self.receipt = Receipt(core, message, sender_context)
            if not core.mailbox.offer(self.receipt):
                self._room = RoomWait(core, self.receipt, limit, waiter)

    def is_over(self) -> bool:
        """See `Wait.is_over`."""
        with self._around_told():
            return self._room is None or self._room.accepted()

    def answer(self) -> None:
        """See `Wait.answer`: that it is over says everything."""

    def left(self) -> float | None:
        """See `Wait.left`."""
        return None if self._room is None else self._room.left()

    def leave(self) -> None:
        """See `Wait.leave`."""
        if self._room is not None:
            self._room.leave()
        self._context.run(self._around.close)

    @contextmanager
    def _around_told(self) -> Iterator[None]:
        """Let what is around the dispatch see an error that ends it."""
        try:
            yield
        except BaseException as error:
            self._context.run(self._around.__exit__, type(error), error, error.__traceback__)
            raise


class _LatchWait:
    """For something that happens once."""

    def __init__(self, latch: Latch, waiter: Wakeable) -> None:
        self._latch = latch
        self._waiter = waiter
        latch.add(waiter)

    def is_over(self) -> bool:
        """See `Wait.is_over`."""
        return self._latch.is_set

    def left(self) -> None:
        """See `Wait.left`."""
        return

    def leave(self) -> None:
        """See `Wait.leave`."""
        self._latch.discard(self._waiter)


class DeliveryWait(_LatchWait):
    """For a message to be delivered, or never to be any more."""

    def __init__(self, receipt: Receipt, waiter: Wakeable) -> None:
        if not receipt.delivered and not receipt.is_set:
            refuse_own_message(receipt._core, receipt, OWN_DELIVERY)  # noqa: SLF001 - its worker
        self._receipt = receipt
        super().__init__(receipt.delivery_latch(), waiter)

    def answer(self) -> bool:
        """See `Wait.answer`."""
        return self._receipt.delivered


class OutcomeWait(_LatchWait):
    """For the outcome of a message; noted as the handler's of a slot, if that has no limit."""

    def __init__(self, receipt: Receipt, waiter: Wakeable, unlimited: Slot | None) -> None:
        self._receipt = receipt
        self._unlimited = unlimited
        self._noted = ExitStack()
        if not receipt.is_set:
            core = receipt._core  # noqa: SLF001 - its worker
            refuse_own_message(core, receipt, OWN_OUTCOME)
            need = turn_of(core, receipt)
            self._look_again = self._noted.enter_context(
                waits_without_limit(unlimited, need, "an outcome", receipt.done)
            )
        super().__init__(receipt, waiter)

    def is_over(self) -> bool:
        """See `Wait.is_over`; refused when its worker is to stop and no other slot takes it."""
        if super().is_over():
            return True
        if self._unlimited is not None and self._unlimited.run.stopping:
            self._look_again()
        return False

    def answer(self) -> Any:
        """See `Wait.answer`."""
        return self._receipt.result(0)

    def leave(self) -> None:
        """See `Wait.leave`."""
        self._noted.close()
        super().leave()
