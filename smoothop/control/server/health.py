"""Whether the operator lives, and whether it is ready; asked by whoever restarts or uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from smoothop.control.server.peer import Rights
from smoothop.control.server.replies import reply
from smoothop.engine.watching.pulse import pulse
from smoothop.events import Phase, Status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from smoothop.control.server.room import Room
    from smoothop.engine.worker.view import Worker

PULSE: Final = 2.0
"""Seconds in which the operator's timers and its event loop must come round to an answer."""


async def live(room: Room, request: Request) -> Response:
    """Tell whether the operator's timers and its event loop go on."""
    if room.operator.is_closing:
        return _answer(request, [])  # there may be nothing left to ask
    try:
        async with asyncio.timeout(PULSE):
            await asyncio.wrap_future(pulse(room.operator))
    except TimeoutError:
        return _answer(request, [f"the event loop has not ticked for {PULSE:g} s"])
    return _answer(request, [])


async def ready(room: Room, request: Request) -> Response:
    """Tell whether every worker that should run does, and nothing stops."""
    return _answer(request, unreadiness(room.workers(), is_closing=room.operator.is_closing))


def unreadiness(workers: Iterable[Worker], *, is_closing: bool) -> list[str]:
    """Return why an operator is not ready; nothing if it is.

    A worker that somebody stopped on purpose is not missed, unless it is critical.
    """
    if is_closing:
        return ["the operator stops"]
    return [f"worker {one.name} {why}" for one in workers if (why := _missed(one))]


def _missed(worker: Worker) -> str | None:
    phase = worker.phase
    if phase is Phase.FAILED:
        return "has used up its panics"
    if phase is Phase.STARTING:
        return "is starting"
    if phase is Phase.STOPPING:
        return "is stopping"
    if worker.status is Status.RUNNING:
        return None
    requested = worker.snapshot().stop_reason == "requested"
    return "does not run" if worker.config.critical or not requested else None


def _answer(request: Request, reasons: list[str]) -> Response:
    """Answer; whoever may not look gets no reasons, since they name workers."""
    may_look = request.state.rights >= Rights.READ
    document = {"ok": not reasons, "reasons": reasons if may_look else []}
    return reply(document, 503 if reasons else 200)
