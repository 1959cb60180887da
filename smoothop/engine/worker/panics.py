"""An exception that has left user code: count it, back off, settle the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.engine.texts import error_text
from smoothop.engine.worker.supervision import ABANDONED, Decision, End
from smoothop.errors import HandlerPanickedError, MessageDroppedError

if TYPE_CHECKING:
    from smoothop.engine.worker.slot import Slot


def panicked(slot: Slot, error: BaseException) -> Decision:
    """`error` left `setup` or `handle`: answer what the slot does next."""
    core, run, now = slot.core, slot.run, slot.core.machine.monotonic()
    with core.lock:
        counts = _counts(slot)
        if counts:
            budget = run.counting_budget()
            attempts, backoff = budget.add(now), budget.backoff(core.machine.chance())
            too_many = budget.exhausted(attempts)
            decision = slot.supervision.panicked(now, None if too_many else backoff)
            if isinstance(decision, End):
                # With the lock, so that a start that comes now is remembered, not taken for done.
                run.leave("panic limit")
    if not counts:
        return _interrupted(slot, error)
    core.panicked(attempts, error, slot.waited(slot.since))
    if isinstance(decision, End):
        core.log.error("max panic attempts reached", attempts=attempts)
    else:
        core.log.info("backing off after panic", duration=backoff, attempt=attempts)
    text = f"worker {core.name}: handler panicked: {error_text(error)}"
    slot.settle_failed(HandlerPanickedError, text, error)
    if isinstance(decision, End):
        core.tell_slots(run)
    return decision


def _counts(slot: Slot) -> bool:
    """Tell, with the lock, whether what the slot raises now is a panic.

    It is none after the worker was asked to stop, after the slot was replaced, or after a panic
    in another slot was the last that may be.
    """
    run = slot.run
    at_limit = run.leaving and run.reason == "panic limit"
    return not (run.stopping or at_limit or slot.dismissed == ABANDONED)


def _interrupted(slot: Slot, error: BaseException) -> Decision:
    core = slot.core
    if type(error).__name__ != "CancelledError":
        core.log.warning("handler raised while stopping", cause=error)
    text = f"worker {core.name} was asked to stop and did not finish the message"
    slot.settle_failed(MessageDroppedError, text, error)
    return End(slot.dismissed or slot.run.reason)
