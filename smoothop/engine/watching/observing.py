"""Observers: told what happens to an operator and its workers; the seam that plugins hang on.

The engine knows no plugin. It tells an observer each fact where it happens, in order: on the
thread of a worker or of whoever calls the operator, sometimes with a lock held. So an observer only
notes what it is told and passes it on elsewhere; it never blocks and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from smoothop.engine.completion import Completion, all_of
from smoothop.engine.watching.streams import Listener

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.context import AsyncContext, Context
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.view import Worker
    from smoothop.handlers import HandlerCalls

LAST_WORDS: Final = 1.0
"""Seconds that `Operator.close` waits, in all, until the observers have been told everything."""

HASTY_WORDS: Final = 0.2
"""The same when the time for closing has already run out."""


class Returned(Protocol):
    """What is entered around a call of `handle`, when it has been entered."""

    def handle_returned(self, result: object) -> None:
        """`handle` has returned; called inside, and not when it raised. Never raises."""
        ...


Enter = Callable[["Context | AsyncContext"], AbstractContextManager[Returned]]
"""Makes what is entered around one call of `handle`; neither it nor what it makes ever raises."""

EnterDispatch = Callable[[], AbstractContextManager[object]]
"""Makes what is entered around one dispatch; neither it nor what it makes ever raises."""


class ObserverInfo(Protocol):
    """What `Operator.observers` shows of each; plain values, as of the moment it was asked for."""

    @property
    def name(self) -> str:
        """The plugin's name, or the worker's whose handler has hooks of its own."""
        ...

    @property
    def distribution(self) -> str | None:
        """The distribution it comes from, if it comes from one."""
        ...

    @property
    def version(self) -> str | None:
        """The version of that distribution."""
        ...

    @property
    def state(self) -> str:
        """``"ok"``, or ``"off"`` when it failed too often in a row and is called no more."""
        ...

    @property
    def hooks(self) -> tuple[str, ...]:
        """The names of the hooks it implements."""
        ...

    @property
    def failures(self) -> Mapping[str, int]:
        """Name of a hook -> how often its implementation has failed."""
        ...

    @property
    def dropped(self) -> int:
        """How many events it was not told, because it was too slow."""
        ...


class Watch(Protocol):
    """How one observer follows one worker."""

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What gets the worker's events."""
        ...

    @property
    def enter(self) -> Enter | None:
        """What is entered around each call of `handle`, on the worker's own thread or task."""
        ...

    @property
    def enter_dispatch(self) -> EnterDispatch | None:
        """What is entered around each dispatch to the worker, on the sender's thread or task."""
        ...

    def added(self) -> None:
        """The worker was added; before its first event."""
        ...

    def removed(self) -> None:
        """The worker was forgotten; after its last event."""
        ...


class Observer(Protocol):
    """Follows an operator and all its workers."""

    def begin(self, machine: Machine) -> None:
        """Get ready; called once, before everything else. Starts nothing."""
        ...

    def watch(self, worker: Worker, handler: object) -> Watch:
        """Return how to follow a worker that may be about to be added; may run user code.

        Raises:
            InvalidHandlerError: `handler` has something for observers that is wrong.
        """
        ...

    def operator_started(self, operator: Operator) -> None:
        """The first worker is about to start."""
        ...

    def operator_stopping(self, operator: Operator) -> None:
        """The workers are about to be stopped for good."""
        ...

    def operator_stopped(self, operator: Operator) -> Completion:
        """The operator is closed; the completion is done when all was passed on."""
        ...

    def give_up(self) -> None:
        """Nobody waits for that completion any longer."""
        ...

    def infos(self) -> Iterable[ObserverInfo]:
        """Return what is to be shown in `Operator.observers`."""
        ...


class Observers:
    """The observers of one operator, each told everything once and in order."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = machine.lock()
        self._observers: tuple[Observer, ...] = ()
        self._is_started = False
        self._is_stopping = False
        self._stopped: Completion | None = None

    def add(self, observer: Observer, operator: Operator) -> None:
        """Let `observer`, which is ready, follow from now on."""
        with self._lock:
            self._observers = (*self._observers, observer)
            if self._is_started:
                observer.operator_started(operator)

    def infos(self) -> tuple[ObserverInfo, ...]:
        """Return what there is to show of each."""
        return tuple(info for observer in self._observers for info in observer.infos())

    def watches(self, worker: Worker, handler: object) -> list[Watch]:
        """Return how each follows a worker that may be about to be added.

        Raises:
            InvalidHandlerError: as in `Observer.watch`.
        """
        return [observer.watch(worker, handler) for observer in self._observers]

    def started(self, operator: Operator) -> None:
        """A worker is about to start: tell, if it is the first."""
        if self._is_started:
            return
        # With the lock: another thread's worker must not start before all were told.
        with self._lock:
            if not self._is_started:
                for observer in self._observers:
                    observer.operator_started(operator)
                self._is_started = True

    def stopping(self, operator: Operator) -> None:
        """The workers are about to be stopped for good."""
        with self._lock:
            tell = not self._is_stopping
            self._is_stopping = True
        if tell:
            for observer in self._observers:
                observer.operator_stopping(operator)

    def stopped(self, operator: Operator) -> Completion:
        """The operator is closed; the completion is done when all observers know everything."""
        with self._lock:
            if self._stopped is None:
                parts = [observer.operator_stopped(operator) for observer in self._observers]
                self._stopped = all_of(self._machine, parts, (), "the observers' end")
            return self._stopped

    def give_up(self) -> None:
        """Wait for them no longer."""
        for observer in self._observers:
            observer.give_up()


def begin_watch(core: WorkerCore, watch: Watch) -> None:
    """Let `watch` follow the worker; from its next start on also around each call."""
    core.watches = (*core.watches, watch)
    watch.added()
    for listener in watch.listeners:
        core.attach(listener)
    if watch.enter is not None:
        core.calls = inside(core.calls, watch.enter)
    if watch.enter_dispatch is not None:
        core.enter_dispatch = both(core.enter_dispatch, watch.enter_dispatch)


def end_watches(core: WorkerCore) -> None:
    """Let nobody follow the worker any more."""
    for watch in core.watches:
        for listener in watch.listeners:
            core.detach(listener)
        watch.removed()
    core.watches = ()


def both(outer: EnterDispatch | None, inner: EnterDispatch) -> EnterDispatch:
    """Return what enters one inside the other."""
    if outer is None:
        return inner

    @contextmanager
    def enter() -> Iterator[None]:
        with outer(), inner():
            yield

    return enter


def inside(calls: HandlerCalls, enter: Enter) -> HandlerCalls:
    """Return the same calls with each `handle` inside what `enter` gives.

    So the runners need to know nothing of it, and who has no such observer pays nothing.
    """
    handle = calls.handle

    def handle_inside(ctx: Context) -> Any:
        with enter(ctx) as entered:
            result = handle(ctx)
            entered.handle_returned(result)
            return result

    async def handle_inside_async(ctx: AsyncContext) -> Any:
        with enter(ctx) as entered:
            result = await handle(ctx)
            entered.handle_returned(result)
            return result

    return replace(calls, handle=handle_inside_async if calls.is_async else handle_inside)
