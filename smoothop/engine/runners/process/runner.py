"""Drives a slot on a thread of its own, with its handler in a child process."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smoothop.engine.runners import thread as thread_runner
from smoothop.engine.runners.process.calls import ChildCalls
from smoothop.engine.runners.process.doorstep import Doorstep
from smoothop.engine.runners.runner import OwnThread
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
    around = [watch.enter for watch in slot.core.watches if watch.enter is not None]
    for enter in around:
        calls = inside(calls, enter)
    slot.calls = calls
    slot.kill = partial(child_calls.kill, "its handler was stuck")
    if around:  # each call has to begin and to end on one thread
        thread_runner.launch(slot, at_end=child_calls.end)
    else:
        doorstep = Doorstep(slot, child_calls)

        def end() -> None:
            child_calls.end()
            doorstep.close()

        thread_runner.launch(slot, at_end=end, sleep=doorstep.sleep)
    in_parent = slot.runner.stack  # type: ignore[union-attr]  # it was launched just now
    slot.runner = OwnThread(slot, lambda: child_calls.stack() or in_parent())
