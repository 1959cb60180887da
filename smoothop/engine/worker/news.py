"""`WorkerNews`: what is noted and told of one worker, whoever notices it."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from smoothop.engine.logs import WorkerLog, handler_logger, is_wanted
from smoothop.engine.machine import if_free
from smoothop.engine.messages.mailbox import Mailbox
from smoothop.engine.texts import error_text, traceback_text, typed_text
from smoothop.engine.watching.streams import NOBODY, Audience, Listener, RawEvent, Ring
from smoothop.engine.worker.history import Entry, noted
from smoothop.engine.worker.tempo import CALLS, packed, with_one_more
from smoothop.events import DispatchEvent, HandleEvent, LifecycleEvent, PanicEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smoothop.config import Config
    from smoothop.engine.logs import LoggerAdapter
    from smoothop.engine.machine import Machine
    from smoothop.engine.messages.mailbox import Sleeper
    from smoothop.engine.watching.observing import EnterDispatch, Watch
    from smoothop.engine.worker.tempo import RawCall, Times
    from smoothop.results import HandleResult


class WorkerNews:
    """The lowest layer of `WorkerCore`: its mailbox, and all that is known of what happens to it.

    Attributes:
        lock: the worker's only one; never held while user code runs: no handler, no log handler,
            no callback.
        enter_dispatch: makes what is entered around each dispatch to it, if anything is.
        last: the most recent event before those calls, but for accepted messages, raw; see
            `snapshots.LastEvent`.
        told: ``(returned at, raw event)`` of the latest call that somebody was told of.
        sole_call: the only call since it lay down, raw.
        calls_made: the last calls since it lay down, raw, if there were several.
        call_times: those before, packed; see `tempo`.
    """

    __slots__ = (
        "__weakref__",
        "_handler_logger",
        "_logger",
        "audience",
        "call_times",
        "calls_made",
        "config",
        "enter_dispatch",
        "history",
        "last",
        "last_error",
        "last_error_at",
        "last_traceback",
        "lock",
        "machine",
        "mailbox",
        "name",
        "own_rings",
        "panics",
        "sole_call",
        "told",
        "watches",
    )

    def __init__(self, machine: Machine, name: str, config: Config, logger: logging.Logger) -> None:
        self.machine = machine
        self.name = name
        self.config = config
        self._logger = logger
        self._handler_logger: LoggerAdapter | None = None
        self.lock = machine.lock()
        self.audience = NOBODY
        self.mailbox = Mailbox(self, config.mailbox_size)
        self.own_rings: tuple[Ring, ...] = ()
        self.watches: tuple[Watch, ...] = ()
        self.enter_dispatch: EnterDispatch | None = None
        self.last: tuple[Any, ...] | None = None
        self.told: tuple[float, RawEvent] | None = None
        self.sole_call: RawCall | None = None
        self.calls_made: deque[RawCall] | None = None
        self.call_times: Times = None
        self.history: tuple[Entry, ...] = ()
        self.panics = 0
        self.last_error: str | None = None
        self.last_error_at: float | None = None
        self.last_traceback: str | None = None

    @property
    def log(self) -> WorkerLog:
        """Writes the engine's records about it."""
        return WorkerLog(self._logger, self.name)

    def inform(self, message: str, **fields: object) -> None:
        """Write an INFO record, if anybody wants one: most records of a great many are not."""
        if is_wanted(self._logger, logging.INFO, message):
            self.log.info(message, **fields)

    @property
    def handler_logger(self) -> LoggerAdapter:
        """The logger that the handler is given; made when it first asks."""
        if self._handler_logger is None:
            self._handler_logger = handler_logger(self._logger, self.name)
        return self._handler_logger

    # -- what has happened

    def returned(
        self, result: HandleResult, began: float, now: float, accepted_at: float | None
    ) -> None:
        """A call has returned that somebody is to be told of, because he listens or it failed.

        Args:
            result: what it returned.
            began: monotonic time when it was called.
            now: monotonic time when it returned.
            accepted_at: monotonic time when its message was accepted, if it had one.
        """
        text = None if result.error is None else error_text(result.error)
        raw = (
            HandleEvent,
            self.name,
            self.machine.time(),
            result.status,
            now - began,
            accepted_at is not None,
            text,
            None if accepted_at is None else began - accepted_at,
        )
        if text is None:
            self.told = (now, raw)  # first: who was told may ask for the last event
            for listener in self.audience.handle:
                listener.put(raw)
        else:
            self.note_error(text)
            self.log.error("handle error: %s", text, error=text)
            self.publish(self.audience.handle, raw)

    def panicked(self, attempts: int, error: BaseException, waited: float | None) -> None:
        """An exception has left user code, as the `attempts`-th of those that count."""
        text = typed_text(error)
        self.panics += 1
        self.note_error(text, error)
        self.note("panic", text)
        most = self.config.max_panic_attempts
        self.log.warning(
            "panic recovered", cause=error, attempt=attempts, max_attempts=most, error=text
        )
        raw = (PanicEvent, self.name, self.machine.time(), attempts, text, waited)
        self.publish(self.audience.panic, raw, error)

    def teardown_failed(self, error: BaseException) -> None:
        """An exception has left `teardown`; the worker stops all the same."""
        text = typed_text(error)
        self.note_error(text, error)
        self.log.error("teardown failed: %s", text, cause=error, error=text)

    def broke(self, error: BaseException) -> None:
        """The engine itself failed; the worker ends."""
        self.note_error(typed_text(error), error)
        self.log.error("worker broke: %s", typed_text(error), cause=error)

    def accepted(self) -> None:
        """A message was accepted, and somebody listens; called with the lock."""
        raw = (DispatchEvent, self.name, self.machine.time(), True, None)
        for listener in self.audience.dispatch:
            listener.put(raw)

    def dispatch_failed(self, why: str) -> None:
        """A message was refused."""
        self.log.warning("dispatch failed", error=why)
        raw = (DispatchEvent, self.name, self.machine.time(), False, why)
        self.publish(self.audience.dispatch, raw)

    # -- what is kept of it, and who is told

    def publish(
        self,
        listeners: tuple[Listener, ...],
        raw: RawEvent,
        exception: BaseException | None = None,
    ) -> None:
        """Keep the event as the last one and hand it to those who listen."""
        if self.sole_call is not None or self.calls_made is not None:
            with self.lock:
                self._pack_calls()  # so what is not packed is later than the event
        self.mailbox.accepted_at = 0.0
        self.last = raw
        for listener in listeners:
            listener.put(raw, exception)

    def first_call(self, call: RawCall) -> None:
        """Keep a call; the ring is made for a second one, before the worker lies down."""
        sole = self.sole_call  # once: another slot may be packing it
        if sole is None:
            self.sole_call = call
        else:
            self.calls_made = deque((sole, call), CALLS)
            self.sole_call = None

    def last_calls(self) -> Sequence[RawCall]:
        """Return the calls since it lay down, the oldest first."""
        sole, made = self.sole_call, self.calls_made  # in this order: the first goes into the ring
        while made is not None:
            try:
                return [*made]
            except RuntimeError:  # a slot, which takes no lock, has added one meanwhile
                continue
        return () if sole is None else (sole,)

    def lies_down(self, sleeper: Sleeper) -> bool:
        """A slot lies down, unless a message it would wake for is there already."""
        with self.lock:  # once for both: a worker that ticks comes by here each time
            sole = self.sole_call
            if sole is None or self.calls_made is not None:
                self._pack_calls()
            else:  # as that does, for one
                self.call_times, self.last = with_one_more(self.call_times, sole), sole
                self.sole_call = None
            return self.mailbox.lie_down(sleeper)

    def _pack_calls(self) -> None:
        """Keep, with the lock, of the last calls only what takes little room."""
        if calls := self.last_calls():
            self.call_times = packed(self.call_times, calls)
            self.last = calls[-1]
        self.sole_call = self.calls_made = None

    def note(self, event: str, detail: str | None = None) -> None:
        """Keep in the history what happens now."""
        with self.lock:
            self.history = noted(self.history, (self.machine.time(), event, detail))

    def tell_life(self, state: str, when: float, reason: str | None = None) -> None:
        """Tell that it has come to a new state of its life, which is noted already."""
        raw = (LifecycleEvent, self.name, when, state, reason)
        self.publish(self.audience.lifecycle, raw)

    def note_error(self, text: str, raised: BaseException | None = None) -> None:
        """Keep the text as that of the last error, and where it was raised, if it was."""
        self.last_error, self.last_error_at = text, self.machine.time()
        if raised is not None:
            self.last_traceback = traceback_text(raised)

    # -- who listens

    def listen(self, ring: Ring) -> None:
        """Let `ring` have the events until the worker stops."""
        with self.lock:
            gone = self.mailbox.refusal is not None
            if not gone:
                self.own_rings = (*self.own_rings, ring)
                self.attach(ring)
        if gone:
            ring.end()

    def unlisten(self, ring: Ring, *, wait: bool = True) -> None:
        """See `Detach`."""
        if not wait:
            if_free(self.lock, lambda: self.unlisten(ring))
            return
        with self.lock:
            self.own_rings = tuple(other for other in self.own_rings if other is not ring)
            self.detach(ring)

    def attach(self, listener: Listener) -> None:
        """Let `listener` have every event of its kinds from now on."""
        with self.lock:
            self.audience = Audience((*self.audience.without(None), listener))

    def detach(self, listener: Listener) -> None:
        """Let `listener` have no further event."""
        with self.lock:
            left = self.audience.without(listener)
            self.audience = Audience(left) if left else NOBODY

    def end_streams(self) -> None:
        """Let every stream of this worker alone end."""
        if not self.own_rings:
            return
        with self.lock:
            rings, self.own_rings = self.own_rings, ()
        for ring in rings:
            self.detach(ring)
            ring.end()
