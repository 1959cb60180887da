"""The end of a worker for good: because it is removed, or its operator closed or cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.errors import MessageDroppedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from smoothop.engine.completion import Told
    from smoothop.engine.machine import Thread
    from smoothop.engine.messages.mailbox import Refusal
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.events import StopReason


def retire(
    core: WorkerCore,
    refusal: Refusal,
    dropped: str,
    told: Told,
    reason: StopReason = "requested",
) -> None:
    """Stop a worker for good: it takes no message and no start any more, and what waits is dropped.

    Args:
        core: the worker.
        refusal: makes the error that refuses a start or a message from now on.
        dropped: what the receipts of the messages that wait are told.
        told: is told when it has stopped and all that is done.
        reason: why it stops.
    """
    core.mailbox.refuse(refusal)
    core.stop(_Retirement(core, dropped, told), reason)


def abandon(core: WorkerCore, why: str) -> None:
    """Settle every receipt, that of the message being handled too: nobody waits any longer."""
    core.abandoned = why
    _drop_waiting(core, why)
    run = core.run
    if run is not None:
        for slot in run.slots:
            core.drop_current(slot, why)


def forget_forked(core: WorkerCore, refusal: Refusal) -> None:
    """Know, in a forked child, that nothing of a worker runs here and nobody answers."""
    # Who holds it is not in this process.
    core.lock = core.mailbox.lock = core.machine.lock()
    core.mailbox.refuse(refusal)
    abandon(core, "it belongs to the process this one was forked from")
    run, core.run = core.run, None
    if run is not None:
        run.stopping = True  # in case it was a handler of this worker that forked
        run.call_attention()
    core.end_streams()


def _drop_waiting(core: WorkerCore, why: str) -> None:
    """Settle the receipts of all messages that wait."""
    # One after the other: close, too, may come to do so, and this thread may be held up.
    while (receipt := core.mailbox.take()) is not None:
        receipt.settle(None, (MessageDroppedError, f"worker {core.name}: {why}"))


class _Retirement:
    """What is left to do when a worker has stopped for good; in place of a completion for it."""

    __slots__ = ("_core", "_dropped", "_told")

    def __init__(self, core: WorkerCore, dropped: str, told: Told) -> None:
        self._core = core
        self._dropped = dropped
        self._told = told

    def run_ended(self, threads: Collection[Thread]) -> None:
        """See `Told.run_ended`."""
        _drop_waiting(self._core, self._dropped)
        self._core.end_streams()
        self._told.run_ended(threads)
