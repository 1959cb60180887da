"""The steps of a sync slot, on whichever thread drives it: each calls user code behind a fence."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from smoothop.engine.worker.supervision import CALL, Decision

if TYPE_CHECKING:
    from smoothop.engine.worker.slot import Slot


def handle(slot: Slot, share: float = inf) -> Decision:
    """Call `handle` again and again, as long as that is the decision.

    Args:
        slot: the slot; nobody else drives it.
        share: seconds from the first call on, after which ``Step.CALL`` is answered instead of
            carried out, so that the thread can look who else waits for it.
    """
    turn_ends: float | None = None
    call, monotonic = slot.calls.handle, slot.core.machine.monotonic
    while True:
        context = slot.next_context()
        if context is None:
            return slot.nothing_to_call()
        slot.since = began = monotonic()
        try:
            result = call(context)
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            return slot.panicked(error)
        decision = slot.returned(result, began)
        if decision is not CALL:
            return decision
        if turn_ends is None:  # not read from the clock before: most turns have one call
            turn_ends = began + share
        elif began >= turn_ends:
            return decision


def set_up(slot: Slot) -> Decision:
    """Call `setup`."""
    context = slot.setup_context()
    try:
        slot.calls.setup(context)  # type: ignore[misc]  # there is one here
    except BaseException as error:  # noqa: BLE001 - the fence around handlers
        return slot.panicked(error)
    return slot.set_up()


def tear_down(slot: Slot) -> None:
    """Call `teardown`."""
    context = slot.setup_context()
    try:
        slot.calls.teardown(context)  # type: ignore[misc]  # there is one here
    except BaseException as error:  # noqa: BLE001 - the fence around handlers
        slot.core.teardown_failed(error)
