"""Drives a slot of a sync handler on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smoothop.engine.current import enter_thread
from smoothop.engine.runners.runner import OwnThread
from smoothop.engine.runners.steps import handle, set_up, tear_down
from smoothop.engine.texts import thread_stack
from smoothop.engine.waiting import Waiter
from smoothop.engine.worker.supervision import CALL, SET_UP, Decision, End, LeaveReason, Wait

if TYPE_CHECKING:
    from smoothop.engine.worker.slot import Slot


Sleep = Callable[[Wait], Decision]
"""Carries out a wait, or a part of it, and answers what follows."""


def launch(
    slot: Slot, at_end: Callable[[], None] = lambda: None, sleep: Sleep | None = None
) -> None:
    """Start the thread.

    Args:
        slot: what it drives.
        at_end: called on the thread as the last thing before the slot has finished.
        sleep: how the thread sleeps, if not as it does by itself.

    Raises:
        RuntimeError: the system gives no further thread.
    """
    core = slot.core
    with core.lock:  # the run may be over at once, and who waits for that waits for its thread
        thread = core.machine.spawn(lambda: _run(slot, at_end, sleep), f"smoothop-{slot.label}")
        core.keep_thread(slot.run, thread)
    slot.runner = OwnThread(slot, lambda: thread_stack(thread.ident))


def _run(slot: Slot, at_end: Callable[[], None], sleep: Sleep | None) -> None:
    enter_thread(slot)
    reason: LeaveReason = "panic limit"
    try:
        try:
            reason = _drive(slot, sleep or _own_sleep(slot))
        finally:
            at_end()
    except BaseException as error:  # noqa: BLE001 - not the handler: the engine itself, or no memory
        slot.core.broke(error)
    finally:
        enter_thread(None)
        slot.core.slot_finished(slot, reason)


def _drive(slot: Slot, sleep: Sleep) -> LeaveReason:
    decision = slot.begin()
    while not isinstance(decision, End):
        if decision is CALL:
            decision = handle(slot)
        elif decision is SET_UP:
            decision = set_up(slot)
        else:
            decision = sleep(decision)
    if slot.tears_down():
        tear_down(slot)
    return decision.reason


def _own_sleep(slot: Slot) -> Sleep:
    # One waiter serves all sleeps of a run. A wake that comes too late ends the next sleep early,
    # and the state machine answers that with the rest of it.
    waiter = Waiter(slot.core.machine)
    return lambda wait: sleep_until_woken(slot, wait, waiter)


def sleep_until_woken(slot: Slot, wait: Wait, waiter: Waiter) -> Decision:
    """Sleep as long as `wait` says, or until somebody wakes `waiter`; answer what follows."""
    sleeper = slot.lie_down(wait, waiter)
    if sleeper is not None:
        until = wait.until
        waiter.wait(None if until is None else until - slot.core.machine.monotonic())
    return slot.woken(sleeper)
