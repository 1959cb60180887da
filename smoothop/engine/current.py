"""Which worker's code is running here, and the waits that could never end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from asyncio import Task

    from smoothop.engine.core import WorkerCore
    from smoothop.engine.slot import Slot


class Carrying(Protocol):
    """Who drives slots in a task, one after the other."""

    @property
    def slot(self) -> Slot | None:
        """The one it drives now."""
        ...


class _Here(threading.local):
    slot: Slot | None = None
    has_tasks: bool = False


_here = _Here()
_tasks: WeakKeyDictionary[Task[None], Carrying] = WeakKeyDictionary()


def enter_thread(slot: Slot | None) -> None:
    """Say that this thread now belongs to `slot`."""
    _here.slot = slot


def enter_task(task: Task[None], carrier: Carrying) -> None:
    """Say that `task` belongs to whichever slot `carrier` drives.

    Tasks that a handler starts beside it do not: they may wait for the worker's stop.
    """
    _tasks[task] = carrier
    _here.has_tasks = True


def leave_task(task: Task[None]) -> None:
    """Say that `task` has ended: its carrier holds it, so it would not be forgotten by itself."""
    _tasks.pop(task, None)


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
    carrier = None if task is None else _tasks.get(task)
    return None if carrier is None else carrier.slot


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


class UnlimitedWait(NamedTuple):
    """A worker's handler waits, without limit, until `cores` have got on."""

    cores: Collection[WorkerCore]
    is_over: Callable[[], bool]
    """Whether what it waits for has come: its thread may not have woken up yet."""


@contextmanager
def waits_without_limit(
    slot: Slot | None, cores: Collection[WorkerCore], what: str, is_over: Callable[[], bool]
) -> Iterator[None]:
    """Note that the worker of `slot`, if there is one, waits in this block for `cores` to get on.

    Raises:
        SmoothopError: one of them waits, maybe through others, for the worker of `slot`.
    """
    if slot is None:
        yield
        return
    slot.core.waits_for = UnlimitedWait(cores, is_over)
    try:
        circle = circle_of_waits(slot.core)
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


def circle_of_waits(core: WorkerCore) -> list[str]:
    """Return the names along a circle of workers of which each waits for the next, or nothing.

    A worker's `waits_for` is set before it looks, so of those that close a circle at the same
    moment at least one sees it.
    """
    seen = {core}
    ways = [(core, [core.name])]
    while ways:
        at, names = ways.pop()
        wait = at.waits_for
        if wait is None or wait.is_over():
            continue
        if core in wait.cores:
            return [*names, core.name]
        following = [other for other in wait.cores if other not in seen]
        seen.update(following)
        ways += [(other, [*names, other.name]) for other in following]
    return []
