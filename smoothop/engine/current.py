"""Which worker's code is running here, and the waits that could never end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from asyncio import Task

    from smoothop.engine.core import WorkerCore
    from smoothop.engine.slot import Slot


MOST_WAITS: Final = 10_000
"""A chain that changes while it is followed could be followed for ever."""


class _Here(threading.local):
    slot: Slot | None = None
    has_tasks: bool = False


_here = _Here()
_tasks: WeakKeyDictionary[Task[None], Slot] = WeakKeyDictionary()


def enter_thread(slot: Slot | None) -> None:
    """Say that this thread now belongs to `slot`."""
    _here.slot = slot


def enter_task(task: Task[None], slot: Slot) -> None:
    """Say that `task` belongs to `slot`.

    Tasks that a handler starts beside it do not: they may wait for the worker's stop.
    """
    _tasks[task] = slot
    _here.has_tasks = True


def current_slot() -> Slot | None:
    """Return the slot whose handler the caller is part of, if it is part of one."""
    slot = _here.slot
    if slot is not None or not _here.has_tasks:
        return slot
    asyncio = sys.modules["asyncio"]
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None
    return None if task is None else _tasks.get(task)


def refuse_own_wait(cores: Collection[WorkerCore], what: str) -> None:
    """Refuse a wait of a handler for something only its own return can bring about.

    Raises:
        SmoothopError: the caller is inside the handler of one of `cores`.
    """
    slot = current_slot()
    if slot is not None and slot.core in cores:
        raise SmoothopError(
            f"worker {slot.core.name} waits inside its own handler for {what}: that would never end"
        )


@contextmanager
def waits_without_limit(
    slot: Slot | None, cores: Collection[WorkerCore], what: str
) -> Iterator[None]:
    """Note that the worker of `slot`, if there is one, waits in this block for another one.

    A wait for several at once is not noted: an operator's workers can only wait for all of
    another operator's.

    Raises:
        SmoothopError: that other worker waits, maybe through others, for the one of `slot`.
    """
    if slot is None or len(cores) != 1:
        yield
        return
    (slot.core.waits_for,) = cores
    try:
        circle = chain_of_waits(slot.core)
        if circle:
            raise SmoothopError(
                f"waiting for {what} would never end, these workers wait for each other: "
                f"{' -> '.join(circle)}"
            )
        yield
    finally:
        slot.core.waits_for = None


def refuse_blocking_loop(cores: Collection[WorkerCore]) -> None:
    """Refuse a blocking wait on the very event loop that must run to end it.

    Raises:
        SmoothopError: the caller is on the thread of a loop that runs one of `cores`.
    """
    here = threading.get_ident()
    for core in cores:
        if core.loop_thread() == here:
            raise SmoothopError(
                f"waiting here would block the event loop that worker {core.name} runs on: await it"
            )


def chain_of_waits(core: WorkerCore) -> list[str]:
    """Return the names along a circle of workers of which each waits for the next, or nothing.

    A worker's `waits_for` is set before it looks, so of two that close a circle at the same
    moment at least one sees it.
    """
    names, at = [core.name], _awaited(core)
    while at is not None and len(names) <= MOST_WAITS:
        names.append(at.name)
        if at is core:
            return names
        at = _awaited(at)
    return []


def _awaited(core: WorkerCore) -> WorkerCore | None:
    run = core.run
    if core.waits_for_room and run is not None and run.stopping:
        return None  # being asked to stop ends a wait for room
    return core.waits_for
