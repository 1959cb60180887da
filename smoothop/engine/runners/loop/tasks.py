"""`tasks_of`: the tasks on an operator's event loop that handlers started, or somebody else.

A task does not know who started it, and to have each tell would cost every handler that starts
some. So it is looked up when somebody asks, from what asyncio knows: who waits for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from types import BuiltinMethodType, CellType, CoroutineType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smoothop.engine.current import slot_of
from smoothop.engine.runners.loop.carrier import LoopCarrier
from smoothop.engine.runners.loop.keeper import LoopKeeper
from smoothop.engine.texts import awaited, steps_stack
from smoothop.engine.worker.context import AsyncContext

if TYPE_CHECKING:
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.slot import Slot

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

    A task belongs to a worker if that waits for it, or has it in a task group or a `gather`; if
    it was given the worker's context, or runs or calls back a method of its handler; and if a
    task of which all this is true waits for it, and so on.
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
    steps = task.get_coro()
    return isinstance(steps, CoroutineType) and steps.cr_code in _OWN_CODE


def _unique(names: Iterable[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


class _Owners:
    """Finds out whose tasks are: by what leads, from one thing to the next, to a worker."""

    def __init__(self, cores: Collection[WorkerCore]) -> None:
        self._cores = cores
        shared = Counter(id(core.calls.handler) for core in cores)
        self._by_handler = {
            handler: core for core in cores if shared[handler := id(core.calls.handler)] == 1
        }

    def owner(self, task: Task) -> str | None:
        """Return the name of the worker that `task` belongs to, if that can be told."""
        ahead: list[Any] = [task]
        seen = set()
        while ahead:
            thing = ahead.pop()
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            core = self._known(thing)
            if core is not None:
                return core.name if core in self._cores else None
            if _is(thing, asyncio.Future):
                ahead += _waiting(thing)
            if _is(thing, asyncio.Task):
                ahead += self._used(thing)
        return None

    def _known(self, thing: Any) -> WorkerCore | None:
        slot: Slot | None = None
        if _is(thing, AsyncContext):
            slot = thing._slot  # noqa: SLF001 - the engine's own
        elif _is(thing, asyncio.Task):
            slot = slot_of(thing)
        return self._by_handler.get(id(thing)) if slot is None else slot.core

    def _used(self, task: Task) -> Iterator[object]:
        """Yield what tells a worker among the arguments and variables of the task's code.

        A handler does only as the ``self`` of its method: who sets up an operator has them, too.
        """
        for steps in awaited(task.get_coro()):
            for value in _variables(steps) if _is(steps, CoroutineType) else ():
                is_handler = id(value) in self._by_handler and _is_method(steps, value)
                if is_handler or _is(value, AsyncContext):
                    yield value


def _is(thing: object, kind: type) -> bool:
    """Tell whether it is of that kind; `isinstance` has a lazy object make what it stands for."""
    return issubclass(type(thing), kind)


def _waiting(future: asyncio.Future[Any]) -> Iterator[object]:
    """Yield what waits for a task or future, or holds it: what is told of its end.

    asyncio's own callbacks are of all these kinds; that of a task group leads to its parent.
    """
    for callback, _ in future._callbacks or ():  # noqa: SLF001 - nothing else tells
        if isinstance(callback, MethodType | BuiltinMethodType):
            told: Any = callback.__self__
            yield told._parent_task if _is(told, asyncio.TaskGroup) else told  # noqa: SLF001 - the same
        elif isinstance(callback, partial):
            yield from callback.args
        elif isinstance(callback, FunctionType):
            yield from map(_content, callback.__closure__ or ())


def _variables(steps: CoroutineType[Any, Any, Any]) -> Iterable[object]:
    """Return what the code of a coroutine has at hand."""
    if steps.cr_running:  # then nobody else may look at its stack
        frame: FrameType | None = steps.cr_frame
        return () if frame is None else list(frame.f_locals.values())
    # Not `f_locals`: up to Python 3.12 that keeps what the code lets go of until it ends.
    return map(_content, gc.get_referents(steps))


def _is_method(steps: CoroutineType[Any, Any, Any], handler: object) -> bool:
    method = getattr(type(handler), steps.cr_code.co_name, None)
    return getattr(method, "__code__", None) is steps.cr_code


def _content(value: object) -> object:
    try:
        return value.cell_contents if type(value) is CellType else value
    except ValueError:  # it is empty
        return None
