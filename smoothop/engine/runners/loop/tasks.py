"""`tasks_of`: the tasks on an operator's event loop that handlers started, or somebody else.

A task does not know who started it, and to have each tell would cost every handler that starts
some. So it is looked up when somebody asks, from what asyncio knows: who waits for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import BuiltinMethodType, CellType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smoothop.engine.current import slot_of
from smoothop.engine.runners.loop.carrier import LoopCarrier
from smoothop.engine.runners.loop.keeper import LoopKeeper
from smoothop.engine.texts import awaited, steps_stack
from smoothop.engine.worker.context import AsyncContext

if TYPE_CHECKING:
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.core import WorkerCore

Task = asyncio.Task[Any]

_OWN_CODE: Final = (LoopCarrier.work.__code__, LoopKeeper.keep.__code__)


class LoopTask(NamedTuple):
    """A task that is none of the engine's.

    Attributes:
        name: its name; with a number if it is not the only one of that name.
        worker: name of the worker it belongs to; ``None`` if that is not known.
        stack: where it stands, as a traceback's text.
    """

    name: str
    worker: str | None
    stack: str


def tasks_of(operator: Operator) -> list[LoopTask]:
    """Return the tasks on the event loop, by name; from any thread, also if the loop is blocked.

    A task belongs to a worker if that waits for it, if it is in a task group or a `gather` of
    that worker's, if it was given the worker's context or runs a method of its handler, and if
    all this is true of a task that waits for it.
    """
    host = operator._means.host  # noqa: SLF001 - the engine's own door
    loop = None if host is None else host.loop
    if host is None or loop is None:
        return []
    # It tries again by itself when the loop adds some meanwhile.
    tasks = [task for task in asyncio.all_tasks(loop) if not _is_engines(task)]
    tasks.sort(key=asyncio.Task.get_name)  # a set has no order of its own
    owners = _Owners(operator._all())  # noqa: SLF001 - another
    names = _unique([task.get_name() for task in tasks])
    return [
        LoopTask(name, owners.owner(task), steps_stack(task.get_coro(), host.thread_ident))
        for name, task in zip(names, tasks, strict=True)
    ]


def _is_engines(task: Task) -> bool:
    return getattr(task.get_coro(), "cr_code", None) in _OWN_CODE


def _unique(names: Iterable[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


class _Owners:
    """Finds out whose tasks are: by what leads, from one to the next, to a worker."""

    def __init__(self, cores: Iterable[WorkerCore]) -> None:
        self._cores = {id(core): core for core in cores}
        shared = Counter(id(core.calls.handler) for core in self._cores.values())
        self._by_handler: Mapping[int, WorkerCore] = {
            id(core.calls.handler): core
            for core in self._cores.values()
            if shared[id(core.calls.handler)] == 1
        }

    def owner(self, task: Task) -> str | None:
        """Return the name of the worker that `task` belongs to, if that can be told."""
        ahead: list[object] = [task]
        seen = set()
        while ahead:
            thing = ahead.pop()
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            core = self._known(thing)
            if core is not None:
                return core.name if id(core) in self._cores else None
            ahead += _leads(thing)
            if isinstance(thing, asyncio.Task):
                ahead += self._used(thing)
        return None

    def _known(self, thing: object) -> WorkerCore | None:
        if isinstance(thing, AsyncContext):
            return thing._slot.core  # noqa: SLF001 - the engine's own
        slot = slot_of(thing) if isinstance(thing, asyncio.Task) else None
        return self._by_handler.get(id(thing)) if slot is None else slot.core

    def _used(self, task: Task) -> Iterator[object]:
        """Yield what tells a worker among the arguments and variables of the task's code.

        A handler does only as the ``self`` of its method: who sets up an operator has them, too.
        """
        for steps in awaited(task.get_coro()):
            for value in map(_content, gc.get_referents(steps)):
                core = self._by_handler.get(id(value))
                if isinstance(value, AsyncContext) or (core and _is_method(steps, value)):
                    yield value


def _is_method(steps: object, handler: object) -> bool:
    code = getattr(steps, "cr_code", None)
    method = code and getattr(type(handler), code.co_name, None)
    return code is not None and getattr(method, "__code__", None) is code


def _leads(thing: object) -> Iterator[object]:
    """Yield what waits for a task or future, or holds it."""
    if isinstance(thing, asyncio.TaskGroup):
        yield thing._parent_task  # type: ignore[attr-defined]  # noqa: SLF001 - nothing else tells
    elif isinstance(thing, asyncio.Future):
        for callback, _ in thing._callbacks or ():  # noqa: SLF001 - the same
            yield from _behind(callback)


def _behind(callback: object) -> Iterator[object]:
    """Yield what is told by calling `callback`: asyncio's own are of all these kinds."""
    if isinstance(callback, MethodType | BuiltinMethodType):
        yield callback.__self__
    elif isinstance(callback, partial):
        yield from callback.args
    elif isinstance(callback, FunctionType):
        yield from map(_content, callback.__closure__ or ())


def _content(value: object) -> object:
    if not isinstance(value, CellType):
        return value
    try:
        return value.cell_contents
    except ValueError:  # it is empty
        return None
