"""`WorkerCore`: the state of one worker and its life; the engine's side of `Worker`.

Desired and actual state are apart: `run` is what is there, `_start_again` what is wanted after
it. A run is *over* when none of the worker's code runs any more, which its own loop says as its
last step; only then can the next one begin. The lock is the mailbox's and is never held while
user code runs: no handler, no log handler, no callback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smoothop.config import Config
from smoothop.engine.completion import Completion
from smoothop.engine.logs import WorkerLog, handler_logger
from smoothop.engine.mailbox import Mailbox, Refusal
from smoothop.engine.run import Run
from smoothop.engine.slot import Slot
from smoothop.engine.streams import Audience, Listener, RawEvent, Ring
from smoothop.engine.texts import typed_text
from smoothop.engine.thread_runner import launch as launch_thread
from smoothop.errors import ConfigError, MessageDroppedError, SmoothopError
from smoothop.events import DispatchEvent, LifecycleEvent, PanicEvent, StopReason

if TYPE_CHECKING:
    from smoothop.engine.current import UnlimitedWait
    from smoothop.engine.machine import Thread
    from smoothop.engine.observing import EnterDispatch, Watch
    from smoothop.engine.operator import Operator
    from smoothop.handlers import HandlerCalls


class WorkerCore:
    """One worker, whether it runs or not.

    Attributes:
        thread: that of the latest run, if it had one of its own.
        run: the present run, from the start until everything about its end is told.
        abandoned: why, since close has settled all its receipts: it takes no further message.
        enter_dispatch: makes what is entered around each dispatch to it, if anything is.
        last: the most recent event but for accepted messages, raw; see `snapshots.LastEvent`.
        waits_for: what this one's handler waits for without limit.
    """

    def __init__(
        self,
        operator: Operator,
        name: str,
        calls: HandlerCalls,
        config: Config,
        logger: logging.Logger,
    ) -> None:
        self.operator = operator
        self.machine = operator._machine  # noqa: SLF001 - the operator hands its machine on
        self.name = name
        self.calls = calls
        self.config = refuse_unbuilt(config)
        self.log = WorkerLog(logger, name)
        self.handler_logger = handler_logger(logger, name)
        self.lock = self.machine.lock()
        self.audience = Audience(self.machine)
        self.mailbox = Mailbox(self, config.mailbox_size)
        self.own_rings: list[Ring] = []
        self.watches: list[Watch] = []
        self.enter_dispatch: EnterDispatch | None = None
        self.run: Run | None = None
        self.thread: Thread | None = None
        self.last: tuple[Any, ...] | None = None
        self.waits_for: UnlimitedWait | None = None
        self.abandoned: str | None = None
        self.starts = 0
        self.handled_before = 0
        self.panics = 0
        self.started_at: float | None = None
        self.stopped_at: float | None = None
        self.stop_reason: StopReason | None = None
        self.failed = False
        self.last_error: str | None = None
        self.last_error_at: float | None = None
        self._start_again = False
        self._restarts: list[Completion] = []

    # -- what is there

    def is_running(self) -> bool:
        """Tell whether its code may be running, or is about to."""
        run = self.run
        return run is not None and (not run.over or self._start_again)

    def loop_thread(self) -> int | None:
        """Return the identity of the thread whose event loop it runs on, if it does."""
        run = self.run
        return None if run is None or run.over else run.loop_thread

    def stack(self) -> str:
        """Return where its loop stands, as a traceback's text."""
        run = self.run
        return "(not running)" if run is None else run.slot.stack()

    # -- what is wanted

    def start(self) -> None:
        """Start it; if it is stopping, let it start again when it has stopped.

        Raises:
            SmoothopError: it is being removed, or no thread could be started for it.
        """
        with self.lock:
            if self.mailbox.refusal is not None:
                raise self.mailbox.refusal()
            if self.run is not None:
                self._start_again = self._start_again or self.run.leaving
                return
            run = self._new_run()
        self._launch(run)

    def stop(self, reason: StopReason = "requested") -> Completion:
        """Ask it to stop; the completion is done when it has."""
        stopped = Completion(self.machine, (self,))
        with self.lock:
            run = self.run
            announce = self._want_stop(run)
            if run is not None:
                run.ended += [*self._restarts, stopped]
                self._restarts = []
        if run is None:
            if self.thread is not None:  # it said that it has stopped, and may be on its way out
                stopped.threads.append(self.thread)
            stopped.succeed()
        else:
            self._ask(run, reason, announce=announce)
        return stopped

    def ask_stop(self, reason: StopReason) -> None:
        """Ask it to stop, without a completion."""
        with self.lock:
            run = self.run
            announce = self._want_stop(run)
        if run is not None:
            self._ask(run, reason, announce=announce)

    def update(self, changes: dict[str, Any]) -> Completion:
        """Give it a new config; a running one is restarted. Done when the config is in force.

        Raises:
            TypeError: there is no such field.
            ValueError: a value is wrong.
            ConfigError: this version cannot do it.
        """
        restarted = Completion(self.machine, (self,), "its own restart")
        with self.lock:
            if self.mailbox.refusal is not None:
                raise self.mailbox.refusal()
            self.config = refuse_unbuilt(replace(self.config, **changes))
            run = self.run
            again = run is not None and (self._start_again or not run.leaving)
            if run is not None and again:
                announce = self._want_stop(run)
                self._start_again = True
                self._restarts.append(restarted)
            elif run is not None:
                run.ended.append(restarted)
        self.mailbox.resize(self.config.mailbox_size)
        if run is None:
            restarted.succeed()
        elif again:
            self._ask(run, "requested", announce=announce)
        return restarted

    def retire(
        self, refusal: Refusal, dropped: str, reason: StopReason = "requested"
    ) -> Completion:
        """Stop it for good: it takes no message and no start any more, and what waits is dropped.

        Args:
            refusal: makes the error that refuses a start or a message from now on.
            dropped: what the receipts of the messages that wait are told.
            reason: why it stops.
        """
        retired = Completion(self.machine, (self,))
        self.mailbox.refuse(refusal)
        stopped = self.stop(reason)
        retired.threads = stopped.threads

        def settle(_: object) -> None:
            self.drop_waiting(dropped)
            self._end_streams()
            retired.succeed()

        stopped.add_done_callback(settle)
        return retired

    def drop_waiting(self, why: str) -> None:
        """Settle the receipts of all messages that wait."""
        for receipt in self.mailbox.drain():
            receipt.settle(None, (MessageDroppedError, f"worker {self.name}: {why}"))

    def abandon(self, why: str) -> None:
        """Settle every receipt, that of the message being handled too: nobody waits any longer."""
        self.abandoned = why
        self.drop_waiting(why)
        run = self.run
        if run is not None:
            self._drop_current(run, why)

    def forked(self, refusal: Refusal) -> None:
        """Know, in a forked child, that nothing of this worker runs here and nobody answers."""
        self.lock = self.mailbox.lock = self.machine.lock()  # its holder is not in this process
        self.mailbox.refuse(refusal)
        self.abandon("it belongs to the process this one was forked from")
        run, self.run = self.run, None
        if run is not None:
            run.stopping = True  # in case it was a handler of this worker that forked
        self._end_streams()

    # -- what its loop tells

    def started(self, run: Run) -> None:
        """The loop of `run` has begun."""
        run.begun = True
        self.publish(
            self.audience.lifecycle,
            (LifecycleEvent, self.name, self.machine.time(), "started", None),
        )

    def panicked(self, attempts: int, error: BaseException, waited: float | None) -> None:
        """An exception has left user code, as the `attempts`-th of those that count."""
        text = typed_text(error)
        self.panics += 1
        self.note_error(text)
        most = self.config.max_panic_attempts
        self.log.warning(
            "panic recovered", cause=error, attempt=attempts, max_attempts=most, error=text
        )
        raw = (PanicEvent, self.name, self.machine.time(), attempts, text, waited)
        self.publish(self.audience.panic, raw, error)

    def teardown_failed(self, error: BaseException) -> None:
        """An exception has left `teardown`; the worker stops all the same."""
        text = typed_text(error)
        self.note_error(text)
        self.log.error("teardown failed: %s", text, cause=error, error=text)

    def broke(self, error: BaseException) -> None:
        """The engine itself failed; the worker ends."""
        self.note_error(typed_text(error))
        self.log.error("worker broke: %s", typed_text(error), cause=error)

    def finished(self, run: Run, reason: StopReason) -> None:
        """The loop of `run` has ended: its last step. Tell everybody, start again if wanted."""
        with self.lock:
            if run.over:
                return
            run.over = run.leaving = True
            self.failed = reason == "panic limit"
            self.stop_reason = reason
            self.stopped_at = self.machine.time()
            self.handled_before += run.handled
        self._drop_current(run, "it ended before it finished the message")
        self.log.info("worker stopped", reason=reason)
        if run.begun:
            raw = (LifecycleEvent, self.name, self.machine.time(), "stopped", reason)
            self.publish(self.audience.lifecycle, raw)
        self._end_streams()
        self._conclude(run)

    # -- what is noted

    def publish(
        self,
        listeners: tuple[Listener, ...],
        raw: RawEvent,
        exception: BaseException | None = None,
    ) -> None:
        """Keep the event as the last one and hand it to those who listen."""
        self.mailbox.accepted_at = 0.0
        self.last = raw
        for listener in listeners:
            listener.put(raw, exception)

    def note_error(self, text: str) -> None:
        """Keep the text as that of the last error."""
        self.last_error, self.last_error_at = text, self.machine.time()

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

    def listen(self, ring: Ring) -> None:
        """Let `ring` have the events until the worker stops."""
        with self.lock:
            gone = self.mailbox.refusal is not None
            if not gone:
                self.own_rings.append(ring)
                self.audience.attach(ring)
        if gone:
            ring.end()

    def unlisten(self, ring: Ring) -> None:
        """Let `ring` have no further events."""
        with self.lock:
            if ring in self.own_rings:
                self.own_rings.remove(ring)
        self.audience.detach(ring)

    # -- inside

    def _drop_current(self, run: Run, why: str) -> None:
        # There is none after a regular end: the slot has settled it.
        receipt = run.slot.receipt
        if receipt is not None:
            receipt.settle(None, (MessageDroppedError, f"worker {self.name}: {why}"))

    def _new_run(self) -> Run:
        run = Run(self.config, self.machine)
        run.slot = Slot(self, run)
        self.run = run
        self.failed = False
        self.starts += 1
        self.started_at = run.started_at
        return run

    def _launch(self, run: Run) -> None:
        self.log.info("starting worker")
        try:
            if self.calls.is_async:
                self.operator._loop_host().launch(run)  # noqa: SLF001 - the engine's own door
            else:
                launch_thread(run.slot)
        except Exception as error:
            self._launch_failed(run, error)
            raise SmoothopError(f"worker {self.name} could not be started: {error}") from error

    def _launch_failed(self, run: Run, error: Exception) -> None:
        self.note_error(typed_text(error))
        self.log.error("worker could not be started: %s", error, cause=error)
        with self.lock:
            run.over = run.leaving = True
            self.failed = True
            self._start_again = False
        self._conclude(run)

    def _want_stop(self, run: Run | None) -> bool:
        """Note, under the lock, that it is to stop; tell whether that is news."""
        self._start_again = False
        if run is None or run.leaving:
            return False
        run.leaving = True
        return True

    def _ask(self, run: Run, reason: StopReason, *, announce: bool) -> None:
        if announce:
            self.log.info("stopping worker")
        with self.lock:
            if not run.stopping:
                run.reason = reason
                run.stopping = True
        run.stop.set()
        self.mailbox.wake_all()
        if run.loop_runner is not None:
            run.loop_runner.asked_to_stop()

    def _conclude(self, run: Run) -> None:
        with self.lock:
            self.run = None
            again = self._start_again and self.mailbox.refusal is None
            self._start_again = False
            following = self._new_run() if again else None
            restarts, self._restarts = self._restarts, []
            ended, run.ended = run.ended, []
        failure: SmoothopError | None = None
        if following is not None:
            try:
                self._launch(following)
            except SmoothopError as error:  # told in the log, and to who asked for the restart
                failure = error
        for completion in ended:
            if run.thread is not None:
                completion.threads.append(run.thread)
            completion.succeed()
        for completion in restarts:
            if failure is None:
                completion.succeed()
            else:
                completion.fail(failure)

    def _end_streams(self) -> None:
        with self.lock:
            rings, self.own_rings = self.own_rings, []
        for ring in rings:
            self.audience.detach(ring)
            ring.end()


def refuse_unbuilt(config: Config) -> Config:
    """Return `config` if this version can do what it asks for.

    Raises:
        ConfigError: names the field.
    """
    later: dict[str, Callable[[Any], bool]] = {
        "run_in": lambda value: value != "thread",
        "concurrency": lambda value: value != 1,
        "stuck_after": lambda value: value != 0,
    }
    for field, asks in later.items():
        value = getattr(config, field)
        if asks(value):
            raise ConfigError(
                f"{field}={value!r} is not available in this version of smoothop: leave it out"
            )
    return config
