"""Which worker's code is running here, and the waits that could never end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from smoothop.engine.circles import Need, endless_circle
from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from asyncio import Task

    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.slot import Slot


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
_CARRIER: Final = "_smoothop_carrier"


def enter_thread(slot: Slot | None) -> None:
    """Say that this thread now belongs to `slot`."""
    _here.slot = slot


def enter_task(task: Task[None], carrier: Carrying) -> None:
    """Say that `task` belongs to whichever slot `carrier` drives.

    Tasks that a handler starts beside it do not: they may wait for the worker's stop.
    """
    # On the task itself: a table of them, with weak keys, takes five times as long to ask, and
    # would keep each for ever, because its carrier holds it.
    setattr(task, _CARRIER, carrier)
    _here.has_tasks = True


def leave_task(task: Task[None]) -> None:
    """Say that `task` has ended."""
    delattr(task, _CARRIER)


def slot_of(task: Task[Any]) -> Slot | None:
    """Return the slot whose handler `task` runs, if it is one's; from any thread."""
    carrier: Carrying | None = getattr(task, _CARRIER, None)
    return None if carrier is None else carrier.slot


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
    return None if task is None else slot_of(task)


class UnlimitedWait(NamedTuple):
    """What the handler of a slot waits for, without limit."""

    need: Callable[[], Need[Slot]]
    """Whose getting on would end it, as things are when this is called."""

    is_over: Callable[[], bool]
    """Whether what it waits for has come: its thread may not have woken up yet."""


class ThreadWait(NamedTuple):
    """What a slot of a full pool waits for that no thread is with."""

    holders: tuple[tuple[Slot, int], ...]
    """The slots that hold the threads, each with how many its thread was with before it."""

    def need(self) -> Need[Slot]:
        """One of them has to get on."""
        return Need([slot for slot, _ in self.holders], every=False)


def end_of(cores: Collection[WorkerCore], *, every: bool) -> Callable[[], Need[Slot]]:
    """A wait until workers have ended needs every slot of theirs; until they have fewer, one."""
    return lambda: Need([slot for core in cores for slot in slots_of(core)], every)


def turn_of(core: WorkerCore, receipt: Receipt | None = None) -> Callable[[], Need[Slot]]:
    """A wait for room in a mailbox, or for an outcome, needs one slot of the worker.

    Args:
        core: the worker.
        receipt: what the outcome is waited for: once a slot handles it, it is that slot.
    """

    def need() -> Need[Slot]:
        run = core.run
        if run is not None and run.leaving and not _holder(core, receipt):
            # Who leaves takes nothing any more; when all have left, it may be started again.
            return Need(run.slots, every=True)
        return Need(_who_can(core, receipt), every=False)

    return need


def slots_of(core: WorkerCore) -> Collection[Slot]:
    """Return the slots that a worker has now."""
    run = core.run
    return () if run is None else run.slots


def _holder(core: WorkerCore, receipt: Receipt | None) -> list[Slot]:
    """Return the slot that is handling the message, in a list."""
    return [slot for slot in slots_of(core) if receipt is not None and slot.receipt is receipt]


def _who_can(core: WorkerCore, receipt: Receipt | None) -> list[Slot]:
    """Return the slots that can handle the message, or any."""
    run = core.run
    takers = [] if run is None or run.leaving else run.active()
    return _holder(core, receipt) or takers


def refuse_own_wait(cores: Collection[WorkerCore], what: str) -> None:
    """Refuse a wait of a handler for something only its own return can bring about.

    Raises:
        SmoothopError: the caller is inside the handler of one of `cores`.
    """
    slot = current_slot()
    if slot is not None and slot.core in cores:
        raise _own_wait(slot, what)


def refuse_own_message(core: WorkerCore, receipt: Receipt, what: str) -> None:
    """Refuse a wait of a handler for a message that only its own slot could handle.

    Raises:
        SmoothopError: the caller is inside the handler of `core`, and no other slot can.
    """
    slot = current_slot()
    if slot is not None and slot.core is core and only_slot(slot, receipt):
        raise _own_wait(slot, what)


def only_slot(slot: Slot, receipt: Receipt | None = None) -> bool:
    """Tell whether no other slot of its worker can take messages, or that one."""
    return all(other is slot for other in _who_can(slot.core, receipt))


def _own_wait(slot: Slot, what: str) -> SmoothopError:
    return SmoothopError(
        f"worker {slot.core.name} waits inside its own handler for {what}: that would never end"
    )


@contextmanager
def waits_without_limit(
    slot: Slot | None, need: Callable[[], Need[Slot]], what: str, is_over: Callable[[], bool]
) -> Iterator[Callable[[], None]]:
    """Note that the handler of `slot`, if there is one, waits in this block for what `need` says.

    Gives what looks again whether the wait can end: to be called once its worker is asked to
    stop, as its other slots then take no message any more.

    Raises:
        SmoothopError: that needs others who wait, maybe through others, for `slot`.
    """
    if slot is None:
        yield lambda: None
        return
    slot.waits_for = UnlimitedWait(need, is_over)
    try:
        _refuse_circle(slot, what)
        yield lambda: _refuse_circle(slot, what)
    finally:
        slot.waits_for = None


def _refuse_circle(slot: Slot, what: str) -> None:
    circle = circle_of_waits(slot)
    if circle:
        raise SmoothopError(
            f"waiting for {what} would never end, these workers wait for each other: "
            f"{' -> '.join(circle)}"
        )


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


def circle_of_waits(slot: Slot) -> list[str]:
    """Return the names of the workers along an endless circle of waits through `slot`, if any.

    A slot's `waits_for` is set before it looks, so of those that close a circle at the same
    moment at least one sees it. The others go on while it looks: so it is a circle only if all
    of them still wait as they did when each was looked at.
    """
    seen: dict[Slot, UnlimitedWait | ThreadWait] = {}

    def need_of(who: Slot) -> Need[Slot] | None:
        wait = _wait_of(who)
        if wait is None:
            return None
        seen[who] = wait
        return wait.need()

    circle = endless_circle(slot, need_of)
    if not all(_wait_of(who) == wait for who, wait in seen.items() if circle):
        return []
    return [_named(member, seen[member]) for member in circle]


def _wait_of(slot: Slot) -> UnlimitedWait | ThreadWait | None:
    wait = slot.waits_for
    if wait is not None:
        return None if wait.is_over() else wait
    return None if slot.runner is None else slot.runner.thread_wait()


def _named(slot: Slot, wait: UnlimitedWait | ThreadWait) -> str:
    lacks_thread = isinstance(wait, ThreadWait)
    return f"{slot.core.name} (gets no thread of the pool)" if lacks_thread else slot.core.name
