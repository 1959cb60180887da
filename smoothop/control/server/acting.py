"""The routes that change something."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from smoothop.control.failures import Failure
from smoothop.control.server.replies import reply
from smoothop.control.server.room import Room
from smoothop.control.server.waits import Limit, unless_gone
from smoothop.control.wire import MOST_SLOTS, parse
from smoothop.engine.completion import Completion
from smoothop.engine.worker.view import Worker
from smoothop.errors import SmoothopError, StopTimeoutError
from smoothop.events import Phase, Status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def stop_operator(room: Room, _: Request) -> Response:
    """Stop all workers, and end the operator if it is one of `smoothop run`."""
    if room.end is not None:
        room.end()
    elif not room.operator.is_closing:
        room.operator.stop_all()
    return reply({"state": "stopping", "ends": room.end is not None}, 202)


async def start(room: Room, request: Request) -> Response:
    """Start a worker."""
    worker = room.worker(request.path_params["name"])
    limit = Limit.of(request)
    changed = worker.phase in (Phase.STOPPED, Phase.FAILED, Phase.STOPPING)
    room.operator.start(worker.name)
    if limit.wait:
        what = f"worker {worker.name} was not started within {limit.text}: it still stops"
        await _in_time(request, worker, room.operator.settled(worker.name), limit, what)
        _refuse_stopped(worker)
    return _answer(worker, "start", limit, changed=changed)


async def stop(room: Room, request: Request) -> Response:
    """Stop a worker."""
    worker = room.worker(request.path_params["name"])
    limit = Limit.of(request)
    changed = worker.status is Status.RUNNING and worker.phase is not Phase.STOPPING
    stopped = room.operator.stop(worker.name, timeout=limit.seconds if limit.wait else None)
    if limit.wait:
        await unless_gone(request, asyncio.wrap_future(stopped))
    return _answer(worker, "stop", limit, changed=changed)


async def restart(room: Room, request: Request) -> Response:
    """Stop a worker and start it again."""
    worker = room.worker(request.path_params["name"])
    limit = Limit.of(request)
    restarted = room.operator.update_config(worker.name)  # changes nothing, but restarts
    if restarted.done() and worker.status is Status.STOPPED:
        room.operator.start(worker.name)
    if limit.wait:
        what = f"worker {worker.name} was not restarted within {limit.text}: it still stops"
        await _in_time(request, worker, restarted, limit, what)
        _refuse_stopped(worker)
    return _answer(worker, "restart", limit, changed=True)


async def pause(room: Room, request: Request) -> Response:
    """Let a worker handle nothing until it is resumed."""
    worker = room.worker(request.path_params["name"])
    changed = room.operator.pause(worker.name, by=str(request.state.connection.peer))
    return reply(_result(worker, "pause", changed=changed))


async def resume(room: Room, request: Request) -> Response:
    """Let a paused worker go on."""
    worker = room.worker(request.path_params["name"])
    return reply(_result(worker, "resume", changed=room.operator.resume(worker.name)))


async def scale(room: Room, request: Request) -> Response:
    """Let a worker run another number of handle calls side by side."""
    worker = room.worker(request.path_params["name"])
    limit = Limit.of(request)
    match parse(await request.body()):
        case {"concurrency": wanted, **others} if not others:
            wanted = _checked_slots(wanted)
        case _:
            raise Failure("bad_request", 'the body is {"concurrency": N}')
    changed = worker.config.concurrency != wanted
    scaled = room.operator.update_config(worker.name, concurrency=wanted)
    room.scaled.add(worker.name)
    if limit.wait:
        what = f"calls of worker {worker.name} that are too many did not return in {limit.text}"
        await _in_time(request, worker, scaled, limit, what)
    return _answer(worker, "concurrency", limit, changed=changed)


def _checked_slots(wanted: Any) -> Any:
    """Return what a config takes, or refuses in its own words.

    Raises:
        Failure: it is so much that a slip of the finger is more likely than a wish.
    """
    if isinstance(wanted, float) and wanted.is_integer():
        wanted = int(wanted)  # 2.0 is a whole number in JSON
    if isinstance(wanted, int) and wanted > MOST_SLOTS:
        what = f"concurrency: {MOST_SLOTS} at most; more than that takes the configuration file"
        raise Failure("bad_request", what)
    return wanted


async def _in_time(
    request: Request, worker: Worker, completion: Completion, limit: Limit, what: str
) -> None:
    """Wait for something that has no limit of its own.

    Raises:
        StopTimeoutError: it was not done in time; says `what`, and where the worker stands.
    """
    try:
        async with asyncio.timeout(limit.seconds):
            await unless_gone(request, asyncio.wrap_future(completion))
    except TimeoutError:
        raise StopTimeoutError(what, {worker.name: worker.stack()}) from None


def _refuse_stopped(worker: Worker) -> None:
    """Refuse to call started what somebody else has stopped.

    Raises:
        SmoothopError: it does not run, and not because it has used up its panics.
    """
    if worker.phase is Phase.STOPPED:
        raise SmoothopError(f"worker {worker.name} was asked to stop meanwhile, and has stopped")


def _answer(worker: Worker, action: str, limit: Limit, *, changed: bool) -> Response:
    """Say how it is now; 202 if nobody has waited for it."""
    return reply(_result(worker, action, changed=changed), 200 if limit.wait else 202)


def _result(worker: Worker, action: str, *, changed: bool) -> dict[str, Any]:
    return {
        "worker": worker.name,
        "action": action,
        "changed": changed,
        "status": worker.status.value,
        "phase": worker.phase.value,
    }
