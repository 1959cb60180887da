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
from smoothop.engine.history import History, Pause
from smoothop.engine.logs import WorkerLog, handler_logger
from smoothop.engine.mailbox import Mailbox, Refusal
from smoothop.engine.run import Run
from smoothop.engine.slot import Slot
from smoothop.engine.streams import Audience, Listener, RawEvent, Ring
from smoothop.engine.supervision import SURPLUS, LeaveReason
from smoothop.engine.texts import traceback_text, typed_text
from smoothop.engine.thread_runner import launch as launch_thread
from smoothop.errors import ConfigError, MessageDroppedError, SmoothopError
from smoothop.events import DispatchEvent, LifecycleEvent, PanicEvent, StopReason

if TYPE_CHECKING:
    from smoothop.engine.machine import Thread
    from smoothop.engine.observing import EnterDispatch, Watch
    from smoothop.engine.operator import Operator
    from smoothop.engine.process.recipe import Maker
    from smoothop.handlers import HandlerCalls


class WorkerCore:
    """One worker, whether it runs or not.

    Attributes:
        threads: those of the latest run, if it had some of its own.
        run: the present run, from the start until everything about its end is told.
        pause: since when it is paused, and by whom, if it is; kept when it stops and starts.
        abandoned: why, since close has settled all its receipts: it takes no further message.
        enter_dispatch: makes what is entered around each dispatch to it, if anything is.
        last: the most recent event but for accepted messages, raw; see `snapshots.LastEvent`.
    """

    def __init__(
        self,
        operator: Operator,
        name: str,
        calls: HandlerCalls,
        config: Config,
        logger: logging.Logger,
        *,
        maker: Maker | None = None,
    ) -> None:
        self.operator = operator
        self.machine = operator._machine  # noqa: SLF001 - the operator hands its machine on
        self.name = name
        self.calls = calls
        self.config = refuse_unbuilt(config)
        self._maker = maker
        self._recipe: bytes | None = None
        self._make_ready(config)
        self.log = WorkerLog(logger, name)
        self.handler_logger = handler_logger(logger, name)
        self.lock = self.machine.lock()
        self.audience = Audience(self.lock)
        self.mailbox = Mailbox(self, config.mailbox_size)
        self.own_rings: list[Ring] = []
        self.watches: list[Watch] = []
        self.enter_dispatch: EnterDispatch | None = None
        self.run: Run | None = None
        self.threads: tuple[Thread, ...] = ()
        self.last: tuple[Any, ...] | None = None
        self.abandoned: str | None = None
        self.pause: Pause | None = None
        self.history = History()
        self.last_traceback: str | None = None
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
        """Return where its loops stand, as the text of a traceback for each slot."""
        stacks = self.stacks()
        if len(stacks) == 1:
            return next(iter(stacks.values()))
        return "\n".join(f"slot {n}:\n{stack}" for n, stack in stacks.items()) or "(not running)"

    def stacks(self) -> dict[int, str]:
        """Return where each slot stands: its number -> the text of a traceback."""
        run = self.run
        return {} if run is None else {slot.number: slot.stack() for slot in run.slots}

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
            announce = self._want_stop(run, reason)
            if run is not None:
                run.ended += [*self._restarts, stopped]
                self._restarts = []
        if run is None:
            stopped.threads += self.threads  # they said that they have ended, or are about to
            stopped.succeed()
        else:
            self._ask(run, announce=announce)
        return stopped

    def ask_stop(self, reason: StopReason) -> None:
        """Ask it to stop, without a completion."""
        with self.lock:
            run = self.run
            announce = self._want_stop(run, reason)
        if run is not None:
            self._ask(run, announce=announce)

    def update(self, changes: dict[str, Any]) -> Completion:
        """Give it a new config; done when that is in force.

        A running one is restarted, unless only the number of its slots changes.

        Raises:
            TypeError: there is no such field.
            ValueError: a value is wrong.
            ConfigError: this version cannot do it.
        """
        slots_only = changes.keys() == {"concurrency"}
        in_force = Completion(self.machine, (self,), "its own restart", every=not slots_only)
        self._make_ready(replace(self.config, **changes))  # not with the lock: it runs user code
        with self.lock:
            if self.mailbox.refusal is not None:
                raise self.mailbox.refusal()
            self.config = refuse_unbuilt(replace(self.config, **changes))
            run = self.run
            scale = run is not None and not run.leaving and slots_only
            again = run is not None and not scale and (self._start_again or not run.leaving)
            announce = again and self._want_stop(run, "requested")
            if run is None:
                pass
            elif scale:
                run.config, run.wanted = self.config, self.config.concurrency
                run.scaled.append(in_force)
                run.call_attention()
            elif again:
                self._start_again = True
                self._restarts.append(in_force)
            else:
                run.ended.append(in_force)
        self.note("config changed", ", ".join(f"{name}={new!r}" for name, new in changes.items()))
        self.mailbox.resize(self.config.mailbox_size)
        if run is None:
            in_force.succeed()
        elif scale:
            self._scale(run)
        elif again:
            self._ask(run, announce=announce)
        return in_force

    def hold(self, by: str | None) -> bool:
        """Handle nothing from now on, but for what is being handled; tell whether it is news.

        Raises:
            SmoothopError: it is being removed.
        """
        with self.lock:
            if self.mailbox.refusal is not None:
                raise self.mailbox.refusal()
            if self.pause is not None:
                return False
            self.pause = Pause(self.machine.time(), by)
            self._call_attention()
        self.mailbox.wake_all()
        self.history.note(self.pause.since, "paused", by)
        self.log.info("worker paused", by=by)
        return True

    def release(self) -> bool:
        """Handle again; tell whether it is news."""
        with self.lock:
            paused, self.pause = self.pause is not None, None
            if paused:
                self._call_attention()
        if paused:
            self.mailbox.wake_all()
            self.note("resumed")
            self.log.info("worker resumed")
        return paused

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
            for slot in run.slots:
                self._drop_current(slot, why)

    def keep_thread(self, run: Run, thread: Thread) -> None:
        """Note, with the lock, a thread that a slot of `run` has for itself."""
        self.threads = run.threads = (*filter(_is_alive, run.threads), thread)

    def forked(self, refusal: Refusal) -> None:
        """Know, in a forked child, that nothing of this worker runs here and nobody answers."""
        # Who holds it is not in this process.
        self.lock = self.mailbox.lock = self.audience.lock = self.machine.lock()
        self.mailbox.refuse(refusal)
        self.abandon("it belongs to the process this one was forked from")
        run, self.run = self.run, None
        if run is not None:
            run.stopping = True  # in case it was a handler of this worker that forked
            run.call_attention()
        self._end_streams()

    # -- what its slots tell

    def slot_begun(self, slot: Slot) -> None:
        """The loop of `slot` has begun; the first one of a run begins the run."""
        run = slot.run
        if run.begun:
            return
        run.begun = True
        now = self.machine.time()
        self.history.note(now, "started")
        self.publish(self.audience.lifecycle, (LifecycleEvent, self.name, now, "started", None))
        self._fill(run)

    def slot_set_up(self, slot: Slot) -> None:
        """`setup` has returned."""
        slot.run.is_set_up = True
        self._fill(slot.run)

    def slot_leaves(self, slot: Slot) -> bool:
        """`slot` calls no `handle` any more; tell whether it is the last, so `teardown` is due."""
        with self.lock:
            slot.has_left = True
            return slot.run.is_set_up and all(other.has_left for other in slot.run.slots)

    def slot_finished(self, slot: Slot, reason: LeaveReason) -> None:
        """The loop of `slot` has ended: its runner's last step, whatever happened in it.

        A slot that ends alone, without having been called away, takes the others with it. When
        the last one has ended, the run is over.
        """
        run = slot.run
        with self.lock:
            if not run.remove(slot):
                return
            alone = run.leave(reason)
            over = not run.slots
            if over:
                self._note_end(run)
        self._drop_current(slot, "it ended before it finished the message")
        if over:
            self._finished(run)
        elif alone:
            self.tell_slots(run)
        else:
            self._fill(run)  # more may have been wanted while it was on its way out
        self._tell_scaled(run)

    def tell_slots(self, run: Run) -> None:
        """Let all slots know that the run is leaving."""
        with self.lock:
            # First what a slot reads between two calls, then what its handler sees: who has seen
            # that it is to stop is not called again.
            run.call_attention()
            run.stopping = True
        run.stop.set()
        self.mailbox.wake_all()
        for slot in run.slots:
            if slot.runner is not None:
                slot.runner.asked_to_stop()

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

    def note(self, event: str, detail: str | None = None) -> None:
        """Keep in the history what happens now."""
        self.history.note(self.machine.time(), event, detail)

    def note_error(self, text: str, raised: BaseException | None = None) -> None:
        """Keep the text as that of the last error, and where it was raised, if it was."""
        self.last_error, self.last_error_at = text, self.machine.time()
        if raised is not None:
            self.last_traceback = traceback_text(raised)

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

    def _drop_current(self, slot: Slot, why: str) -> None:
        # There is none after a regular end: the slot has settled it.
        receipt = slot.receipt
        if receipt is not None:
            receipt.settle(None, (MessageDroppedError, f"worker {self.name}: {why}"))

    def _new_run(self) -> Run:
        self.run = run = Run(self)
        self.failed = False
        self.starts += 1
        self.started_at = run.started_at
        return run

    def _launch(self, run: Run) -> None:
        self.log.info("starting worker")
        slot = run.slots[0]
        try:
            self._launch_slot(slot)
        except Exception as error:
            self._launch_failed(run, error)
            raise SmoothopError(f"worker {self.name} could not be started: {error}") from error

    def _make_ready(self, config: Config) -> None:
        """Find out, as soon as that is wanted, how to make the handler in a child process."""
        if config.run_in == "process" and self._recipe is None:
            from smoothop.engine.process.recipe import recipe  # noqa: PLC0415 - few need it

            self._recipe = recipe(self.calls, self._maker)

    def _launch_slot(self, slot: Slot) -> None:
        if self.calls.is_async:
            self.operator._loop_host().launch(slot)  # noqa: SLF001 - the engine's own door
        elif slot.run.config.run_in == "pool":
            self.operator._shared_threads().launch(slot)  # noqa: SLF001 - the same
        elif self._recipe is not None and slot.run.config.run_in == "process":
            from smoothop.engine.process.runner import launch  # noqa: PLC0415 - as above

            launch(slot, self._recipe)
        else:
            launch_thread(slot)

    def _launch_failed(self, run: Run, error: Exception) -> None:
        self.note_error(typed_text(error))
        self.log.error("worker could not be started: %s", error, cause=error)
        with self.lock:
            run.slots = ()
            run.over = run.leaving = True
            self.failed = True
            self._start_again = False
        self._conclude(run)

    def _fill(self, run: Run) -> None:
        """Launch the slots that are missing; if one cannot be, the worker goes on with fewer."""
        while len(run.slots) < run.wanted:
            with self.lock:
                slot = run.add_slot(self)
            if slot is None:
                return
            try:
                self._launch_slot(slot)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                self.note_error(typed_text(error))
                self.log.error("slot could not be started: %s", error, cause=error)
                with self.lock:
                    run.wanted = max(1, len(run.slots) - 1)
                self.slot_finished(slot, SURPLUS)

    def _scale(self, run: Run) -> None:
        self._fill(run)
        self.mailbox.wake_all()
        self._tell_scaled(run)

    def _tell_scaled(self, run: Run) -> None:
        """Tell those who wait for surplus slots to end, if all have."""
        with self.lock:
            if not run.scaled or not (run.over or run.is_scaled()):
                return
            scaled, run.scaled = run.scaled, []
        for completion in scaled:
            completion.succeed()

    def _want_stop(self, run: Run | None, reason: StopReason) -> bool:
        """Note, under the lock, that it is to stop; tell whether that is news."""
        self._start_again = False
        return run is not None and run.leave(reason)

    def _ask(self, run: Run, *, announce: bool) -> None:
        if announce:
            self.log.info("stopping worker")
        self.tell_slots(run)

    def _note_end(self, run: Run) -> None:
        run.over = run.leaving = True
        self.failed = run.reason == "panic limit"
        self.stop_reason = run.reason
        self.stopped_at = self.machine.time()
        self.handled_before += run.handled

    def _finished(self, run: Run) -> None:
        """The last slot of `run` has ended: tell everybody, start again if wanted."""
        self.log.info("worker stopped", reason=run.reason)
        if run.begun:
            now = self.machine.time()
            self.history.note(now, "stopped", run.reason)
            raw = (LifecycleEvent, self.name, now, "stopped", run.reason)
            self.publish(self.audience.lifecycle, raw)
        self._end_streams()
        self._conclude(run)

    def _call_attention(self) -> None:
        if self.run is not None:
            self.run.call_attention()

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
            completion.threads += run.threads
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


def _is_alive(thread: Thread) -> bool:
    return thread.is_alive()


def refuse_unbuilt(config: Config) -> Config:
    """Return `config` if this version can do what it asks for.

    Raises:
        ConfigError: names the field.
    """
    later: dict[str, Callable[[Any], bool]] = {
        "stuck_after": lambda value: value != 0,
    }
    for field, asks in later.items():
        value = getattr(config, field)
        if asks(value):
            raise ConfigError(
                f"{field}={value!r} is not available in this version of smoothop: leave it out"
            )
    return config
