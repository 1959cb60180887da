"""`Operator`: owns the workers."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from smoothop._durations import Duration, seconds
from smoothop._names import checked_name
from smoothop.config import CONFIG_FIELDS, DEFAULT_POOL_SIZE, Config, at_least, unknown_field
from smoothop.engine.beneath import held_up, held_up_text
from smoothop.engine.cancellation import Cancellation
from smoothop.engine.collector import hold_collector, settling_time
from smoothop.engine.completion import Completion, Tally
from smoothop.engine.current import refuse_blocking_loop, refuse_own_wait
from smoothop.engine.machine import SYSTEM, Machine, alive, if_free
from smoothop.engine.means import CLOSED, Means
from smoothop.engine.messages.dispatching import (
    dispatch_inside,
    dispatch_inside_async,
    wait_for_room,
    wait_for_room_async,
)
from smoothop.engine.messages.receipt import Receipt
from smoothop.engine.stopping import limited, stop_timeout
from smoothop.engine.watching.observing import (
    HASTY_WORDS,
    LAST_WORDS,
    Observer,
    ObserverInfo,
    Observers,
    begin_watch,
    end_watches,
)
from smoothop.engine.watching.streams import MetricStream, Ring, checked_kinds, checked_maxsize
from smoothop.engine.worker.core import WorkerCore
from smoothop.engine.worker.retiring import abandon, forget_forked, retire
from smoothop.engine.worker.view import Worker
from smoothop.errors import (
    ConfigError,
    InvalidHandlerError,
    OperatorClosedError,
    PluginError,
    SmoothopError,
    StopTimeoutError,
    WorkerExistsError,
    WorkerNotFoundError,
)
from smoothop.events import Status
from smoothop.handlers import HandlerCalls, handler_calls

if TYPE_CHECKING:
    from smoothop.engine.machine import Thread

_DEFAULT = Config()
_RUNNABLE = ("ok", "unchecked")


class HandlerSource(Protocol):
    """What `Operator.from_registry` needs of a registry."""

    @property
    def handlers(self) -> Iterable[Any]:
        """What was discovered: each with a `name` and a `state`."""
        ...

    def load_plugins(self) -> None:
        """Let hook plugins add their handlers."""
        ...

    def observe(self, operator: Operator) -> None:
        """Let hook plugins follow the operator."""
        ...

    def create(self, reference: str, settings: Mapping[str, Any] | None = None) -> object:
        """Return a handler.

        Raises:
            PluginError: it cannot be made.
        """
        ...

    def maker(
        self, reference: str, settings: Mapping[str, Any] | None = None
    ) -> Callable[[], object] | None:
        """Return what makes that handler in another process, if anything can."""
        ...


class Operator:
    """Registers handlers, runs each as a named worker, and stops them all.

    All methods may be called from any thread and from inside handlers. None of them waits for a
    handler, except those that say that they block. Use it as a context manager: leaving the
    ``with`` (or ``async with``) block stops all workers and waits for them. With ``async with``
    the async workers run on the caller's event loop, otherwise on one of the operator's own.

    Args:
        cancellation: cancelling it stops every worker, and nothing can be started after it.
        logger: where its records go; default: the logger ``smoothop``.
        close_timeout: seconds that `close` waits at most.
        pool_size: how many threads the workers with ``run_in="pool"`` share at most. Each handler
            that blocks keeps one for as long; one that was replaced (`Config.on_stuck`) keeps one
            more, until it returns.

    Raises:
        ValueError: `close_timeout` is not a duration, or `pool_size` not a whole number above 0.
    """

    def __init__(
        self,
        *,
        cancellation: Cancellation | None = None,
        logger: logging.Logger | None = None,
        close_timeout: Duration = 30,
        pool_size: int = DEFAULT_POOL_SIZE,
        _machine: Machine = SYSTEM,
    ) -> None:
        self._machine = _machine
        self._logger = logger or logging.getLogger("smoothop")
        self._means = Means(_machine, self._logger, at_least(1)(pool_size, "pool_size"))
        self._close_timeout = seconds(close_timeout, "close_timeout")
        self._lock = _machine.lock()
        self._cores: dict[str, WorkerCore] = {}
        self._views: dict[str, Worker] = {}
        self._removals: dict[str, Completion] = {}
        self._parting: tuple[Thread, ...] = ()  # those of forgotten workers, in their last steps
        self._last_calls: HandlerCalls | None = None
        self._rings: list[Ring] = []
        self._observers = Observers(_machine)
        self._closing = False
        self._closed: str | None = None
        self._cancellation = cancellation
        self._forget_cancellation: Callable[[], None] = lambda: None
        if cancellation is not None:
            # Weakly: a long-lived cancellation does not keep an operator nobody uses.
            this = weakref.ref(self)
            self._forget_cancellation = cancellation.on_cancel(lambda: _cancel(this))
        _operators.add(self)

    @classmethod
    def from_registry(
        cls,
        registry: HandlerSource,
        names: Iterable[str] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Self:
        """Return an operator with a worker for each discovered handler, none started.

        Args:
            registry: a `Registry`.
            names: the handlers to take; ``None``: all that are neither disabled nor in conflict;
                one that then turns out not to load, or not to run without settings, is reported
                in the log and left out.
            settings: handler's name -> its settings.

        Raises:
            PluginLoadError: a handler asked for by name cannot be loaded.
            ConfigError: there is no such handler, or its settings are wrong.
            TypeError: `names` is one name.
        """
        if isinstance(names, str):
            raise TypeError(f"names are several, such as [{names!r}]")
        operator = cls()
        given = settings or {}
        registry.load_plugins()  # they may add handlers
        known = {info.name for info in registry.handlers}
        for name in given:
            if name.partition("@")[0] not in known:
                raise ConfigError(f"settings are given for {name!r}, but there is no such handler")
        registry.observe(operator)
        discovered = (info.name for info in registry.handlers if info.state in _RUNNABLE)
        for name in discovered if names is None else names:
            try:
                handler = registry.create(name, given.get(name))
                maker = registry.maker(name, given.get(name))
                operator.add_handler(name.partition("@")[0], handler, _maker=maker)
            except (PluginError, InvalidHandlerError) as error:
                if names is not None:
                    raise
                operator._logger.error("handler left out: %s", error)
        return operator

    # -- which workers there are

    def add_handler(
        self,
        name: str,
        handler: object,
        config: Config = _DEFAULT,
        *,
        _maker: Callable[[], Any] | None = None,
    ) -> Worker:
        """Register a handler as the worker `name`; does not start it.

        Args:
            name: 1 to 64 of the characters ``A-Z a-z 0-9 . _ -``, the first a letter or digit.
            handler: see `smoothop.handlers`.
            config: how to supervise it; default: the handler's own ``config``, or ``Config()``.

        Raises:
            ValueError: the name is malformed.
            InvalidHandlerError: `handler` is not a handler; says what is wrong with it. One that
                cannot live in the child process which `config` asks for is refused by an error
                that is a `ConfigError` as well.
            WorkerExistsError: there is a worker of that name.
            ConfigError: the config asks for what this version cannot do.
            OperatorClosedError: the operator is closed.
        """
        checked_name(name)
        calls = self._shared(handler_calls(handler))
        chosen = calls.config if config is _DEFAULT and calls.config is not None else config
        if not isinstance(chosen, Config):
            raise ValueError(f"config: a smoothop.Config, not {chosen!r}")
        core = WorkerCore(self, self._means, name, calls, chosen, maker=_maker)
        view = Worker(core)
        watches = self._observers.watches(view, handler)
        with self._lock:
            self._refuse_closed()
            if self._closing:
                raise _closed_error()
            if name in self._cores:
                raise WorkerExistsError(name)
            for ring in self._rings:
                if ring.follows(name):
                    core.attach(ring)
            for watch in watches:
                begin_watch(core, watch)
            self._views[name] = view
            self._cores[name] = core  # last: the other methods look names up without a lock
        if self._cancelled():  # maybe in between: the one who cancelled may have missed it
            _retire_cancelled(core)
        core.inform("handler added")
        return view

    def remove_handler(self, name: str) -> Completion:
        """Stop the worker if it runs, then forget it; the name can be used again.

        From this call on nothing can be sent to it or started; the messages that wait get
        `MessageDroppedError` when it has stopped.

        Returns:
            A completion that is done when it is forgotten.

        Raises:
            WorkerNotFoundError: there is no such worker.
        """
        with self._lock:
            # With the lock: by now the name may stand for nobody, or for somebody else.
            core = self._core(name)
            removal = self._removals.get(name)
            if removal is None:
                removal = Completion(self._machine, (core,), "its own removal")
                self._removals[name] = removal
        # Each time: who came before may have been interrupted in between.
        retired = Completion(self._machine, (core,))

        def forget(_: object) -> None:
            with self._lock:
                if self._removals.get(name) is not removal:  # another call has done it
                    return
                self._removals.pop(name)
                # Both are gone already when the operator was closed in between.
                self._views.pop(name, None)
                self._cores.pop(name, None)
                # Who stops all or closes waits for them as well, though not for their worker.
                self._parting = (*alive(self._parting), *retired.threads)
                end_watches(core)
            core.log.info("handler removed")
            removal.run_ended(retired.threads)

        retired.add_done_callback(forget)
        retire(
            core,
            lambda: WorkerNotFoundError(name),
            "it was removed before it handled the message",
            retired,
        )
        return removal

    def update_config(self, name: str, **changes: Any) -> Completion:
        """Change fields of the worker's config; a running worker is restarted with it.

        Queued messages are kept. A stopped worker stays stopped.

        Returns:
            A completion that is done when the new config is in force.

        Raises:
            WorkerNotFoundError: there is no such worker.
            ValueError: a field does not exist or a value is wrong; nothing was changed.
            ConfigError: the config asks for what this version cannot do; nothing was changed. That
                the handler cannot live in a child process is said by an error that is an
                `InvalidHandlerError` as well.
        """
        core = self._core(name)
        for field in changes:
            if field not in CONFIG_FIELDS:
                raise ValueError(unknown_field(field))
        return core.update(changes)

    def worker(self, name: str) -> Worker:
        """Return the read-only view of a worker.

        Raises:
            WorkerNotFoundError: there is no such worker.
        """
        view = self._views.get(name)
        self._refuse_closed()
        if view is None:
            raise WorkerNotFoundError(name)
        return view

    def workers(self) -> list[Worker]:
        """Return the views of all workers, in order of registration."""
        with self._lock:
            views = list(self._views.values())
        self._refuse_closed()
        return views

    def status(self, name: str) -> Status:
        """Return whether the worker's code may be running; never blocks.

        Raises:
            WorkerNotFoundError: there is no such worker.
        """
        return self.worker(name).status

    # -- starting and stopping

    def start(self, name: str) -> None:
        """Start a worker; does nothing when it runs; one that is stopping will start again.

        Raises:
            WorkerNotFoundError: there is no such worker.
            OperatorClosedError: the operator is closed or its cancellation cancelled.
            SmoothopError: no thread could be started.
        """
        core = self._core(name)
        self._refuse_cancelled()
        self._observers.started(self)
        core.start()

    def settled(self, name: str) -> Completion:
        """Return a completion that is done when the worker does not stop any more; returns at once.

        It runs then, if it was to be started again, or else it has stopped.

        Raises:
            WorkerNotFoundError: there is no such worker.
        """
        return self._core(name).settled()

    def start_all(self) -> None:
        """Start every worker, in order of registration.

        Raises:
            SmoothopError: the first that could not be started; those after it are not started.
        """
        cores = self._all_of_open()
        let_go = hold_collector(len(cores))
        try:
            if cores:
                self._refuse_cancelled()  # once: whom a cancellation has retired refuses, too
                self._observers.started(self)
            for core in cores:
                core.start()
        finally:
            if let_go is not None:
                self._let_go_of_collector(let_go, settling_time(len(cores)))

    def stop(self, name: str, *, timeout: Duration | None = None) -> Completion:
        """Ask a worker to stop; returns at once.

        Args:
            name: the worker.
            timeout: seconds after which the completion fails with `StopTimeoutError`;
                ``None``: never.

        Returns:
            A completion that is done when none of the worker's code runs any more; done already
            when it does not run.

        Raises:
            WorkerNotFoundError: there is no such worker.
        """
        core = self._core(name)
        limit = None if timeout is None else seconds(timeout, "timeout")
        stopped = Completion(self._machine, (core,))
        run = core.stop(stopped)
        if limit is None:
            return stopped
        return limited(stopped, {core: run}, limit, self._means.timers)

    def stop_all(self, *, timeout: Duration | None = None) -> Completion:
        """Ask every worker to stop, all at once; returns at once.

        Args:
            timeout: seconds after which the completion fails with `StopTimeoutError`;
                ``None``: never.

        Returns:
            A completion that is done when all have stopped.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        cores = self._all_of_open()
        # Later than the workers: one that is forgotten in between is among both.
        tally = Tally(self._machine, cores, "its own stop", self._parting)
        parts = {core: core.stop(tally) for core in cores}
        stopped = tally.all_asked()
        if limit is None:
            return stopped
        return limited(stopped, parts, limit, self._means.timers)

    def close(self, *, timeout: Duration | None = None) -> None:
        """Stop all workers, wait for them, and settle every open receipt; blocks.

        Closing a closed operator does nothing. Every other method raises `OperatorClosedError`
        afterwards.

        Args:
            timeout: seconds to wait at most; default: the operator's `close_timeout`.

        Raises:
            StopTimeoutError: some workers did not stop; names each and the line it stands at.
                The operator is closed all the same.
            SmoothopError: called from inside a handler of its own, or on the event loop that its
                async workers run on: that wait would never end, so nothing was done. Or from a
                signal handler that has interrupted a start of a worker or a message to it: that
                one cannot stop before the handler returns; close again then.
        """
        limit = self._close_timeout if timeout is None else seconds(timeout, "timeout")
        if self._closed is not None:
            return
        cores = self._all()
        refuse_own_wait(cores, "the operator's close")
        refuse_blocking_loop(cores)
        held = held_up(cores)
        if self._retire_all(held).wait(limit) and held:
            raise SmoothopError(f"{held_up_text(held)}: all others have stopped; close again then")
        error = self._conclude(limit)
        if not self._observers.stopped(self).wait(HASTY_WORDS if error else LAST_WORDS):
            self._observers.give_up()
        if error is not None:
            raise error

    def pause(self, name: str, *, by: str | None = None) -> bool:
        """Let a worker handle nothing until `resume`; returns at once.

        A running call of `handle` goes on to its end; after it nothing of the handler is called,
        neither `setup` nor `handle`. The worker keeps its thread and its mailbox, and messages
        are accepted as ever. It stays paused when it is stopped, started or given a new config.
        Its phase is ``"idle"``; its snapshot tells since when it is paused and by whom.

        Args:
            name: the worker.
            by: who pauses it, for people to read.

        Returns:
            Whether that changed anything: pausing a paused worker does not.

        Raises:
            WorkerNotFoundError: there is no such worker.
            ValueError: `by` is no text.
        """
        if by is not None and not isinstance(by, str):
            raise ValueError(f"by: text or None, not {by!r}")
        return self._core(name).hold(by)

    def resume(self, name: str) -> bool:
        """Let a paused worker handle again; a sleep that was not over goes on to its end.

        Returns:
            Whether that changed anything: the worker was paused.

        Raises:
            WorkerNotFoundError: there is no such worker.
        """
        return self._core(name).release()

    # -- messages and metrics

    def dispatch(self, name: str, message: Any, *, timeout: Duration | None = None) -> Receipt:
        """Put a message in a worker's mailbox; blocks only while that is full.

        A worker that does not run keeps its messages until it is started.

        Args:
            name: the worker.
            message: anything; the handler gets this very object as ``ctx.message``.
            timeout: seconds to wait for room at most (and at most the worker's
                `Config.max_dispatch_timeout`); ``None``: no limit of its own.

        Raises:
            WorkerNotFoundError: there is no such worker.
            DispatchTimeoutError: there was no room in time; the message was not accepted.
            MailboxFullError: waiting for room could never end: the worker sends to itself, workers
                wait for each other, or the wait would block the event loop it runs on.
            OperatorClosedError: the operator is closed.
        """
        core = self._cores.get(name)
        if core is None:
            raise self._missing(name)
        limit = None if timeout is None else seconds(timeout, "timeout")
        # This test is all that observers cost a dispatch around which none puts anything.
        if core.enter_dispatch is not None:
            return dispatch_inside(core.enter_dispatch, core, message, limit)
        receipt = Receipt(core, message)
        return receipt if core.mailbox.offer(receipt) else wait_for_room(core, receipt, limit)

    async def dispatch_async(
        self, name: str, message: Any, *, timeout: Duration | None = None
    ) -> Receipt:
        """Do what `dispatch` does without ever blocking the event loop."""
        core = self._cores.get(name)
        if core is None:
            raise self._missing(name)
        limit = None if timeout is None else seconds(timeout, "timeout")
        if core.enter_dispatch is not None:
            return await dispatch_inside_async(core.enter_dispatch, core, message, limit)
        receipt = Receipt(core, message)
        if core.mailbox.offer(receipt):
            return receipt
        return await wait_for_room_async(core, receipt, limit)

    def metrics(
        self,
        *,
        maxsize: int = 1024,
        kinds: Iterable[str] | None = None,
        worker: str | None = None,
    ) -> MetricStream:
        """Return a new stream of the events of all workers, from now until the operator closes.

        Args:
            maxsize: how many events may wait to be read; beyond that the oldest is dropped.
            kinds: only these kinds of event; ``None``: all.
            worker: only those of the worker of this name, over its restarts and also if it is
                added later; ``None``: of all.

        Raises:
            ValueError: there is no such kind, or `maxsize` is not a whole number above 0.
        """
        ring = Ring(self._machine, checked_maxsize(maxsize), checked_kinds(kinds), worker)
        with self._lock:
            self._refuse_closed()
            self._rings = [*(other for other in self._rings if not other.ended), ring]
            for core in self._cores.values():
                if ring.follows(core.name):
                    core.attach(ring)
        return MetricStream(self._machine, ring, self._unlisten)

    def observe(self, observer: Observer) -> None:
        """Let `observer` follow the operator and all its workers; see `Registry.observe`.

        What is to be entered around each call is entered from a worker's next start on. Call it
        before other threads use the operator.

        Raises:
            InvalidHandlerError: a handler that was added has something wrong for observers.
            OperatorClosedError: the operator is closed.
        """
        self._refuse_closed()
        observer.begin(self._machine)
        cores, views = self._all(), self.workers()
        watches = [
            observer.watch(view, core.calls.handler)
            for view, core in zip(views, cores, strict=True)
        ]
        self._observers.add(observer, self)
        with self._lock:
            for core, watch in zip(cores, watches, strict=True):
                begin_watch(core, watch)

    @property
    def is_closing(self) -> bool:
        """Whether `close` has begun; stays so when it is over."""
        return self._closing or self._closed is not None

    @property
    def observers(self) -> tuple[ObserverInfo, ...]:
        """What is known now about each plugin that follows the operator; also after `close`."""
        return self._observers.infos()

    # -- as a context manager

    def __enter__(self) -> Self:
        self._refuse_closed()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        from asyncio import get_running_loop  # noqa: PLC0415 - loaded already: a loop runs

        self._refuse_closed()
        self._means.use_loop(get_running_loop())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from asyncio import wait, wrap_future  # noqa: PLC0415 - loaded already: a loop runs

        if self._closed is not None:
            return
        refuse_own_wait(self._all(), "the operator's close")
        retired = self._retire_all()
        await wait([wrap_future(retired)], timeout=self._close_timeout)
        error = self._conclude(self._close_timeout)
        told = wrap_future(self._observers.stopped(self))
        if not (await wait([told], timeout=HASTY_WORDS if error else LAST_WORDS))[0]:
            self._observers.give_up()
        if error is not None:
            raise error

    # -- inside

    def _shared(self, calls: HandlerCalls) -> HandlerCalls:
        """Return what equals `calls` if the last worker has it: many may share one handler."""
        last = self._last_calls
        if last is not None and last.handler is calls.handler and last == calls:
            return last
        self._last_calls = calls
        return calls

    def _all(self) -> tuple[WorkerCore, ...]:
        """Return the workers there are now; with the lock, as the dict changes under a reader."""
        with self._lock:
            return tuple(self._cores.values())

    def _all_of_open(self) -> tuple[WorkerCore, ...]:
        """Do the same, and refuse a closed operator: after the look, as closing leaves nobody."""
        cores = self._all()
        self._refuse_closed()
        return cores

    def _core(self, name: str) -> WorkerCore:
        core = self._cores.get(name)
        if core is None or self._closed is not None:
            raise self._missing(name)
        return core

    def _target(self, name: str) -> WorkerCore:
        """Return the worker that a message goes to; for those who dispatch without blocking."""
        core = self._cores.get(name)
        if core is None:
            raise self._missing(name)
        return core

    def _missing(self, name: str) -> Exception:
        if self._closed is not None:
            return OperatorClosedError(self._closed)
        return WorkerNotFoundError(name)

    def _refuse_closed(self) -> None:
        if self._closed is not None:
            raise OperatorClosedError(self._closed)

    def _cancelled(self) -> bool:
        return self._cancellation is not None and self._cancellation.cancelled

    def _refuse_cancelled(self) -> None:
        if self._cancelled():
            raise _cancelled_error()

    def _let_go_of_collector(self, let_go: Callable[[], None], delay: float) -> None:
        """Let the collector go on when the workers that were started have had their first turn."""
        try:
            self._means.timers.call_later(delay, let_go)
        except RuntimeError:  # no thread to count the time
            let_go()

    def _unlisten(self, ring: Ring, *, wait: bool = True) -> None:
        if not wait:
            if_free(self._lock, lambda: self._forget_ring(ring, wait=False))
            return
        with self._lock:
            self._forget_ring(ring, wait=True)

    def _forget_ring(self, ring: Ring, *, wait: bool) -> None:
        self._rings = [other for other in self._rings if other is not ring]
        for core in self._cores.values():
            core.unlisten(ring, wait=wait)

    def _retire_all(self, held: Collection[WorkerCore] = ()) -> Completion:
        """Stop all workers for good; return a completion of its own to each who closes.

        So nobody counts on another one to ask them all, who may be interrupted: by Ctrl-C, or by
        the signal handler that closes as well.

        Args:
            held: those whose end the completion does not stand for.
        """
        with self._lock:
            is_first, self._closing = not self._closing, True
            cores = tuple(self._cores.values())
        left_out = frozenset(held)
        awaited = [core for core in cores if core not in left_out]
        tally = Tally(self._machine, awaited, "the operator's close", self._parting)
        if is_first:
            self._observers.stopping(self)
        for core in cores:
            told = Completion(self._machine) if core in left_out else tally
            retire(core, _closed_error, "the operator was closed", told)
        return tally.all_asked()

    def _conclude(self, limit: float) -> StopTimeoutError | None:
        with self._lock:
            if self._closed is not None:
                return None
            self._closed = CLOSED
            cores = tuple(self._cores.values())
            rings, self._rings = self._rings, []
        self._forget_cancellation()
        for core in cores:
            abandon(core, "the operator was closed")
        for ring in rings:
            ring.end()
        stuck = [core for core in cores if core.run is not None]
        self._means.close(cores, stuck=bool(stuck))
        self._cores, self._views, self._last_calls = {}, {}, None
        return stop_timeout(stuck, limit) if stuck else None

    def _forked(self) -> None:
        """Close it without waiting: in a forked child there are no threads to wait for."""
        self._lock = self._machine.lock()  # who held the other one is not in this process
        self._closed = f"this operator belongs to the process that made it, not to {os.getpid()}"
        self._means.forked()
        cores, self._cores, self._views = self._cores, {}, {}
        for core in cores.values():
            forget_forked(core, _closed_error)


def _closed_error() -> OperatorClosedError:
    return OperatorClosedError(CLOSED)


def _cancelled_error() -> OperatorClosedError:
    return OperatorClosedError("the operator was cancelled: it starts nothing any more")


def _cancel(this: weakref.ref[Operator]) -> None:
    operator = this()
    if operator is not None:
        for core in operator._all():  # noqa: SLF001 - its own
            _retire_cancelled(core)


def _retire_cancelled(core: WorkerCore) -> None:
    # For good: what cannot be started again will handle no message any more.
    told = Completion(core.machine, (core,))
    retire(core, _cancelled_error, "the operator was cancelled", told, "cancelled")


_operators: weakref.WeakSet[Operator] = weakref.WeakSet()


def _after_fork() -> None:
    for operator in list(_operators):
        operator._forked()  # noqa: SLF001 - its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
