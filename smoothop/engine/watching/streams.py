"""Observation: who listens to a worker's events, and the streams they read.

A worker writes an event as a plain tuple, its class first, and only for listeners of its kind;
the event object is made when somebody reads it. So what nobody listens to costs a truth test, and
what a slow reader leaves behind is never made at all.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from smoothop._durations import Duration, seconds
from smoothop.engine.waiting import LoopWaiter, Waiter, Wakeable, running_loop
from smoothop.events import KINDS, Kind, MetricEvent

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine

RawEvent = tuple[Any, ...]
"""``(event class, *its fields)``."""


def make_event(raw: RawEvent) -> MetricEvent:
    """Make the event that a raw one stands for."""
    return raw[0](*raw[1:])  # type: ignore[no-any-return]


class Listener(Protocol):
    """Gets the events of a worker, on the thread where they happen."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of event it gets."""
        ...

    def put(self, raw: RawEvent, exception: BaseException | None = None, /) -> None:
        """Take an event; never blocks, never raises.

        Args:
            raw: the event.
            exception: that of a panic; it holds the handler's frames alive, so keep it only as
                long as it is needed.
        """
        ...


class Detach(Protocol):
    """Ends what a ring gets; a bound method."""

    def __call__(self, ring: Ring, *, wait: bool = True) -> None:
        """Let `ring` have no further events; unless `wait`, only where no lock is in the way."""
        ...


class Ring:
    """The events one stream has not read yet; at `maxsize` the oldest gives way."""

    __slots__ = ("_items", "_lock", "_maxsize", "_waiters", "dropped", "ended", "kinds", "worker")

    def __init__(
        self, machine: Machine, maxsize: int, kinds: frozenset[Kind], worker: str | None = None
    ) -> None:
        self._items: deque[RawEvent] = deque()
        self._lock = machine.lock()
        self._maxsize = maxsize
        self._waiters: list[Wakeable] = []
        self.kinds = kinds
        self.worker = worker
        self.dropped = 0
        self.ended = False

    def follows(self, name: str) -> bool:
        """Tell whether it is for the events of the worker of that name."""
        return self.worker is None or self.worker == name

    def put(self, raw: RawEvent, exception: BaseException | None = None, /) -> None:
        """Add an event, unless it comes after the end; never blocks."""
        del exception  # events keep errors as text
        with self._lock:
            if self.ended:  # whoever puts it saw who listens before that
                return
            if len(self._items) >= self._maxsize:
                self._items.popleft()
                self.dropped += 1
            self._items.append(raw)
            waiters = self._taken_waiters() if self._waiters else ()
        for waiter in waiters:
            waiter.wake()

    def end(self) -> None:
        """Let readers read what is left, then nothing more."""
        with self._lock:
            self.ended = True
            waiters = self._taken_waiters()
        for waiter in waiters:
            waiter.wake()

    def forsake(self) -> None:
        """Take no event any more, and keep none: nobody can read them. Takes no lock."""
        self.ended = True
        self._items.clear()

    def take(self, make_waiter: Callable[[], Wakeable]) -> RawEvent | Wakeable | None:
        """Return the oldest event, or ``None`` at the end, or a waiter to wait on first."""
        with self._lock:
            if self._items:
                return self._items.popleft()
            if self.ended:
                return None
            waiter = make_waiter()
            self._waiters.append(waiter)
            return waiter

    def forget(self, waiter: Wakeable) -> None:
        """Take back a waiter that waits no longer."""
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def __len__(self) -> int:
        return len(self._items)

    def _taken_waiters(self) -> list[Wakeable]:
        waiters, self._waiters = self._waiters, []
        return waiters


class MetricStream:
    """Events from the moment the stream was made; read by `get`, ``for`` or ``async for``.

    Safe from any thread; several readers share the events. A slow reader never slows a worker:
    when `maxsize` events wait, the oldest is dropped and counted. A stream that is no longer
    referenced is detached by itself.
    """

    def __init__(self, machine: Machine, ring: Ring, detach: Detach) -> None:
        self._machine = machine
        self._ring = ring
        # By a weak reference: the list of finalizers is the process's, and would keep a worker, and
        # all of its operator, for ever if its own handler keeps the stream.
        self._source = weakref.WeakMethod(detach)
        self._collected = weakref.finalize(self, _collected, self._source, ring)
        self._collected.atexit = False

    @property
    def dropped(self) -> int:
        """How many events were dropped because they were not read in time."""
        return self._ring.dropped

    @property
    def ended(self) -> bool:
        """Whether no further event will come; those not read yet can still be read."""
        return self._ring.ended

    def get(self, timeout: Duration | None = None) -> MetricEvent | None:
        """Block until there is an event and return it; ``None`` when the stream has ended.

        Args:
            timeout: seconds to wait at most; ``None``: no limit; 0: do not wait.

        Raises:
            TimeoutError: no event came in time.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        deadline = None if limit is None else self._machine.monotonic() + limit
        while True:
            taken = self._ring.take(lambda: Waiter(self._machine))
            if not isinstance(taken, Waiter):
                return None if taken is None else make_event(taken)  # type: ignore[arg-type]
            left = None if deadline is None else deadline - self._machine.monotonic()
            if not taken.wait(left):
                self._ring.forget(taken)
                if deadline is not None and self._machine.monotonic() >= deadline:
                    raise TimeoutError(f"no event within {limit:g} seconds")

    async def get_async(self) -> MetricEvent | None:
        """Wait on the running event loop for an event; ``None`` when the stream has ended."""
        loop = running_loop()
        while True:
            taken = self._ring.take(lambda: LoopWaiter(loop))
            if not isinstance(taken, LoopWaiter):
                return None if taken is None else make_event(taken)  # type: ignore[arg-type]
            try:
                await taken.wait(None)
            finally:
                self._ring.forget(taken)

    def __iter__(self) -> Iterator[MetricEvent]:
        while (event := self.get()) is not None:
            yield event

    async def __aiter__(self) -> AsyncIterator[MetricEvent]:
        while (event := await self.get_async()) is not None:
            yield event

    def close(self) -> None:
        """End the stream now; events not read yet can still be read."""
        detach = self._source()
        if self._collected.detach() is not None and detach is not None:
            detach(self._ring)
        self._ring.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _collected(source: weakref.WeakMethod[Detach], ring: Ring) -> None:
    """Detach the ring from whom it has its events, if that is still there.

    The collector comes at any moment, also while this thread has some lock of the engine, so no
    other one is waited for. Where one is taken, the ring stays, and takes no event any more, until
    somebody else comes or goes there.
    """
    ring.forsake()
    detach = source()
    if detach is not None:
        detach(ring, wait=False)


class Audience:
    """Who listens to one worker, by kind of event.

    It is replaced, never changed, so the worker reads it without a lock.
    """

    __slots__ = ("dispatch", "handle", "lifecycle", "listeners", "panic", "stuck")

    handle: tuple[Listener, ...]
    panic: tuple[Listener, ...]
    dispatch: tuple[Listener, ...]
    stuck: tuple[Listener, ...]
    lifecycle: tuple[Listener, ...]

    def __init__(self, listeners: tuple[Listener, ...]) -> None:
        self.listeners = listeners
        for kind in KINDS:
            setattr(self, kind, tuple(one for one in listeners if kind in one.kinds))

    def without(self, listener: Listener | None) -> tuple[Listener, ...]:
        """Return all others, but for rings that nobody can read any more."""
        return tuple(
            one
            for one in self.listeners
            if one is not listener and not (isinstance(one, Ring) and one.ended)
        )


NOBODY: Final = Audience(())
"""Of most workers: they share it."""


def checked_kinds(kinds: Iterable[str] | None) -> frozenset[Kind]:
    """Return the kinds of event asked for; ``None`` means all.

    Raises:
        ValueError: names the kind that there is not.
    """
    if kinds is None:
        return frozenset(KINDS)
    if isinstance(kinds, str):
        kinds = (kinds,)
    asked = set(kinds)
    unknown = asked.difference(KINDS)
    if unknown:
        raise ValueError(f"kinds: {sorted(unknown)} are none of {', '.join(KINDS)}")
    return frozenset(kind for kind in KINDS if kind in asked)


def checked_maxsize(maxsize: int) -> int:
    """Return `maxsize` if a stream may have it.

    Raises:
        ValueError: it is not a whole number of at least 1.
    """
    if isinstance(maxsize, bool) or not isinstance(maxsize, int) or maxsize < 1:
        raise ValueError(f"maxsize: a whole number of at least 1, not {maxsize!r}")
    return maxsize
