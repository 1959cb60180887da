"""The routes that only look."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from smoothop._frozen import field_dict
from smoothop.control.answers import plain
from smoothop.control.server.replies import reply
from smoothop.control.server.room import Room
from smoothop.engine.runners.loop.tasks import tasks_of
from smoothop.engine.texts import thread_stack
from smoothop.engine.worker.view import Worker
from smoothop.events import Status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def show_operator(room: Room, _: Request) -> Response:
    """Tell what the operator is."""
    return reply(plain(room.info()))


async def list_workers(room: Room, _: Request) -> Response:
    """Tell the snapshot of each worker."""
    # Not `to_dict`, whose copies nobody would change: of a thousand workers that takes a fifth.
    return reply([field_dict(worker.snapshot()) for worker in room.workers()])


async def show_worker(room: Room, request: Request) -> Response:
    """Tell everything about one worker."""
    worker = room.worker(request.path_params["name"])
    facts = room.facts.get(worker.name)
    document: dict[str, Any] = {
        "snapshot": worker.snapshot().to_dict(),
        "stack": _stack(worker),
        "config_origins": room.origins(worker.name),
        "handler": None if facts is None else dict(facts.handler),
    }
    return reply(document)


async def show_stacks(room: Room, _: Request) -> Response:
    """Tell where all code stands."""
    stacks = {worker.name: stack for worker in room.workers() if (stack := _stack(worker))}
    tasks = tasks_of(room.operator)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    threads = {
        names.get(ident, f"thread {ident}"): thread_stack(ident)
        for ident in sys._current_frames()  # noqa: SLF001 - documented
    }
    own = {f"smoothop-{name}" for name in stacks}
    others = {name: stack for name, stack in threads.items() if name.partition("#")[0] not in own}
    for task in tasks:
        if task.worker is not None:
            text = f"task {task.name}:\n{task.stack}"
            stacks[task.worker] = "\n".join(filter(None, (stacks.get(task.worker), text)))
    strays = {task.name: task.stack for task in tasks if task.worker is None}
    return reply({"workers": stacks, "tasks": strays, "threads": others})


def _stack(worker: Worker) -> str | None:
    return worker.stack() if worker.status is Status.RUNNING else None
