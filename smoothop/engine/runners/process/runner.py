"""Drives a slot on a thread of its own, with its handler in a child process."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smoothop.engine.runners import thread as thread_runner
from smoothop.engine.runners.process.calls import ChildCalls
from smoothop.engine.watching.observing import inside

if TYPE_CHECKING:
    from smoothop.engine.worker.slot import Slot


def launch(slot: Slot) -> None:
    """Start the thread; it makes the child.

    Raises:
        RuntimeError: the system gives no further thread.
    """
    child_calls = ChildCalls(slot)
    # `setup` is due for every child; `teardown` is its own affair, when it is seen out.
    calls = replace(slot.calls, handle=child_calls.handle, setup=child_calls.set_up, teardown=None)
    for watch in slot.core.watches:
        if watch.enter is not None:
            calls = inside(calls, watch.enter)
    slot.calls = calls
    slot.kill = partial(child_calls.kill, "its handler was stuck")
    thread_runner.launch(slot, at_end=child_calls.end)
    own_stack = slot.stack
    slot.stack = lambda: child_calls.stack() or own_stack()
