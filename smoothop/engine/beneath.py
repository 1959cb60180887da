"""What lies beneath: calls in this very thread that cannot go on before the caller returns.

A signal handler runs in the middle of whatever its thread does. If that was launching a worker, or
had a lock which the worker needs, then the worker cannot end as long as the handler waits for it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

from smoothop.engine.machine import is_mine
from smoothop.errors import SmoothopError

if TYPE_CHECKING:
    from types import FrameType

    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.run import Run


def held_up(cores: Collection[WorkerCore]) -> list[WorkerCore]:
    """Return those that run and cannot get on before the caller returns."""
    held = {core for core in cores if is_held_up(core)}
    if not held:
        return []
    loops = {core.loop_thread() for core in held} - {None}  # which may wait for a lock
    return [core for core in cores if core in held or core.loop_thread() in loops]


def is_held_up(core: WorkerCore) -> bool:
    """Tell whether it runs, and cannot get on before the caller returns."""
    run = core.run
    if run is None:
        return False
    if is_mine(core.lock):
        return True
    slots = run.slots
    runner = slots[0].runner if slots else None  # all of them run in the same place
    if (runner is None or not run.begun) and _is_launching(core, run):
        return True
    return runner is not None and runner.is_held()


def _is_launching(core: WorkerCore, run: Run) -> bool:
    """Tell whether this thread is in the middle of launching `run`.

    Its frames say so: thus a start, of which there may be very many, pays nothing for the question.
    """
    kind = type(core)
    launching = {kind.start.__code__, kind._launch.__code__}  # noqa: SLF001 - the engine's own door
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the only way
    while frame is not None:
        if frame.f_code in launching and frame.f_locals.get("run") is run:
            return True
        frame = frame.f_back
    return False


def held_up_text(held: Collection[WorkerCore]) -> str:
    """Return what an error says of those that are held up."""
    names = ", ".join(core.name for core in held)
    return (
        f"{names}: cannot get on before this returns, which has interrupted a start of it, or a "
        "message to it, in the same thread"
    )


def refuse_held_up(cores: Collection[WorkerCore]) -> None:
    """Refuse a wait for what cannot come before the caller returns.

    Raises:
        SmoothopError: one of `cores` is held up.
    """
    held = held_up(cores)
    if held:
        raise SmoothopError(f"{held_up_text(held)}: that wait would never end")
