"""Replacing a stuck slot: its message is given up, and a new slot takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smoothop.engine.worker.supervision import ABANDONED
from smoothop.errors import MessageDroppedError

if TYPE_CHECKING:
    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.slot import Slot

MOST_ABANDONED: Final = 8
"""Abandoned slots that a worker may have: what they hold (threads, memory, locks) is not freed."""


def replace(core: WorkerCore, slot: Slot, since: float, receipt: Receipt | None) -> bool:
    """Give up the call that began at `since`, and open a new slot.

    Nothing ends the code that is stuck. Its slot is abandoned: what it does late changes nothing
    for its message, and it handles nothing any more. The run is over only when it has ended, too.
    Where a runner can end the code (it runs in a child process), it does that instead, and what
    becomes of the message is that of any panic.

    Args:
        core: the worker.
        slot: the stuck one.
        since: when the call began.
        receipt: that of the message which the call handles, if it has one.

    Returns:
        ``False``: the worker has too many abandoned slots; when one of them has ended, try again.
    """
    if slot.kill is not None:
        if slot.since == since:
            slot.kill()
        return True
    with core.lock:
        run = slot.run
        if run.leaving or not slot.is_active or slot.since != since:
            return True  # it will leave anyway, or is not stuck any more
        if sum(other.dismissed == ABANDONED for other in run.slots) >= MOST_ABANDONED:
            return False
        slot.dismissed = ABANDONED
        slot.attention = True
    core.log.warning("stuck slot replaced", slot=slot.number)
    if receipt is not None:
        why = f"worker {core.name}: its handler was stuck with the message and was replaced"
        receipt.settle(None, (MessageDroppedError, why))
    if slot.runner is not None:
        slot.runner.abandoned()
    core.fill(run)
    return True
