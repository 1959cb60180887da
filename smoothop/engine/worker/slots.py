"""`WorkerSlots`: the slots of a worker's present run, from their launch to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.engine.machine import alive
from smoothop.engine.runners.thread import launch as launch_thread
from smoothop.engine.texts import typed_text
from smoothop.engine.worker.history import Pause, noted
from smoothop.engine.worker.news import WorkerNews
from smoothop.engine.worker.supervision import LeaveReason
from smoothop.errors import MessageDroppedError
from smoothop.events import StopReason

if TYPE_CHECKING:
    from smoothop.config import Config
    from smoothop.engine.machine import Thread
    from smoothop.engine.means import Means
    from smoothop.engine.operator import Operator
    from smoothop.engine.runners.process.recipe import Maker
    from smoothop.engine.worker.run import Run
    from smoothop.engine.worker.slot import Slot
    from smoothop.handlers import HandlerCalls


class WorkerSlots(WorkerNews):
    """The middle layer of `WorkerCore`: launches slots, and is told by them.

    A run is *over* when none of the worker's code runs any more, which its slots say as their
    last steps.

    Attributes:
        run: the present run, from the start until everything about its end is told.
        threads: those of the latest run, if it had some of its own.
        pause: since when it is paused, and by whom, if it is; kept when it stops and starts.
        abandoned: why, since close has settled all its receipts: it takes no further message.
    """

    __slots__ = (
        "_maker",
        "_recipe",
        "abandoned",
        "calls",
        "failed",
        "handled_before",
        "means",
        "operator",
        "pause",
        "run",
        "stop_reason",
        "stopped_at",
        "threads",
    )

    def __init__(
        self,
        operator: Operator,
        means: Means,
        name: str,
        calls: HandlerCalls,
        config: Config,
        *,
        maker: Maker | None,
    ) -> None:
        super().__init__(means.machine, name, config, means.logger)
        self.operator = operator
        self.means = means
        self.calls = calls
        self.run: Run | None = None
        self.threads: tuple[Thread, ...] = ()
        self.pause: Pause | None = None
        self.abandoned: str | None = None
        self.handled_before = 0
        self.stopped_at: float | None = None
        self.stop_reason: StopReason | None = None
        self.failed = False
        self._maker = maker
        self._recipe: bytes | None = None
        self.make_ready(config)

    def run_ended(self, run: Run) -> None:
        """The last slot of `run` has ended; for the layer above."""
        raise NotImplementedError

    # -- what its slots tell

    def slot_begun(self, slot: Slot) -> None:
        """The loop of `slot` has begun; the first one of a run begins the run."""
        run = slot.run
        if run.begun:
            return
        run.begun = True  # from now on others may be launched
        if run.wanted != 1:
            self.fill(run)

    def slot_set_up(self, slot: Slot) -> None:
        """`setup` has returned."""
        slot.run.is_set_up = True
        self.fill(slot.run)

    def slot_leaves(self, slot: Slot) -> bool:
        """`slot` calls no `handle` any more; tell whether it is the last, so `teardown` is due."""
        run = slot.run
        # It is not the last if another takes its place, which may not have been launched yet.
        if slot.dismissed is not None:
            self.fill(run)
        with self.lock:
            slot.has_left = True
            is_last = run.slots == (slot,) or all(other.has_left for other in run.slots)
            ends_run = is_last and not run.leaving and slot.dismissed is not None
            if ends_run:  # no other could be launched, and none may come after `teardown`
                run.leaving = True
        if ends_run:
            self.tell_slots(run)
        return is_last and run.is_set_up

    def slot_finished(self, slot: Slot, reason: LeaveReason) -> None:
        """The loop of `slot` has ended: its runner's last step, whatever happened in it.

        A slot that ends alone, without having been called away, takes the others with it. When
        the last one has ended, the run is over.
        """
        # More may be wanted by now; and the last slot is not the last if another follows it.
        if slot.dismissed is not None:
            self.fill(slot.run)
        self._slot_gone(slot, reason)

    def _slot_gone(self, slot: Slot, reason: LeaveReason) -> None:
        run = slot.run
        with self.lock:
            if not run.remove(slot):
                return
            alone = run.leave(reason)
            over = not run.slots
            if over:
                self._note_end(run)
        if slot.receipt is not None:  # after a regular end, the slot has settled it
            self.drop_current(slot, "it ended before it finished the message")
        if over:
            self.run_ended(run)
        elif alone:
            self.tell_slots(run)
        if run.scaled:
            self._tell_scaled(run)

    # -- what its slots are told

    def tell_slots(self, run: Run) -> None:
        """Let all slots know that the run is leaving."""
        with self.lock:
            # First what a slot reads between two calls, then what its handler sees: who has seen
            # that it is to stop is not called again.
            run.call_attention()
            run.stopping = True
        run.end_waits()
        # Each one, not those that the mailbox knows: it forgets whom a message is about to wake,
        # and that may lie beneath a signal handler which waits for the end.
        for slot in run.slots:
            if slot.runner is not None:
                slot.runner.asked_to_stop()

    def fill(self, run: Run) -> None:
        """Launch the slots that are missing; if one cannot be, the worker goes on with fewer."""
        while run.is_short():
            failure: Exception | None = None
            # In one step: who leaves counts on each slot that is there to leave after it.
            with self.lock:
                slot = run.add_slot()
                if slot is None:
                    return
                try:
                    self.launch_slot(slot)
                except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                    failure = error
                    run.remove(slot)
                    run.wanted = max(1, len(run.active()))
            if failure is not None:
                self.note_error(typed_text(failure))
                self.log.error("slot could not be started: %s", failure, cause=failure)
                return

    def scale(self, run: Run) -> None:
        """Let there be as many slots as are wanted by now."""
        self.fill(run)
        self.mailbox.wake_all()
        self._tell_scaled(run)

    def _tell_scaled(self, run: Run) -> None:
        """Tell those who wait for surplus slots to end, if all have."""
        if not run.scaled:
            return
        with self.lock:
            if not (run.over or run.is_scaled()):
                return
            scaled, run.scaled = run.scaled, ()
        for completion in scaled:
            completion.succeed()

    def call_attention(self) -> None:
        """Let all slots look what is wanted of them; with the lock."""
        if self.run is not None:
            self.run.call_attention()

    def drop_current(self, slot: Slot, why: str) -> None:
        """Settle the receipt of the message that `slot` is handling, if there is one."""
        receipt = slot.receipt
        if receipt is not None:
            receipt.settle(None, (MessageDroppedError, f"worker {self.name}: {why}"))

    # -- pausing them

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
            self.call_attention()
        self.mailbox.wake_all()
        self.note("paused", by)
        self.log.info("worker paused", by=by)
        return True

    def release(self) -> bool:
        """Handle again; tell whether it is news."""
        with self.lock:
            paused, self.pause = self.pause is not None, None
            if paused:
                self.call_attention()
        if paused:
            self.mailbox.wake_all()
            self.note("resumed")
            self.log.info("worker resumed")
        return paused

    # -- how they are launched

    def make_ready(self, config: Config) -> None:
        """Find out, as soon as that is wanted, how to make the handler in a child process."""
        wanted = config.run_in == "process" and self.machine.has_processes
        if wanted and self._recipe is None:
            from smoothop.engine.runners.process.recipe import recipe  # noqa: PLC0415 - few need it

            self._recipe = recipe(self.calls, self._maker)

    def recipe(self) -> bytes | None:
        """Return how to make the handler in a child process, if that is where it is to live."""
        return self._recipe if self.config.run_in == "process" else None

    def launch_slot(self, slot: Slot) -> None:
        """Have somebody drive `slot`.

        Raises:
            RuntimeError: the system gives no thread.
        """
        if self.calls.is_async:
            self.means.loop_host().launch(slot)
        elif slot.run.config.run_in == "pool":
            self.means.shared_threads().launch(slot)
        elif slot.run.recipe is not None:
            from smoothop.engine.runners.process.runner import launch  # noqa: PLC0415 - as above

            launch(slot)
        else:
            launch_thread(slot)

    def keep_thread(self, run: Run, thread: Thread) -> None:
        """Note, with the lock, a thread that a slot of `run` has for itself."""
        self.threads = run.threads = (*alive(run.threads), thread)

    def _note_end(self, run: Run) -> None:
        run.over = run.leaving = True
        self.failed = run.reason == "panic limit"
        self.stop_reason = run.reason
        self.stopped_at = now = self.machine.time()
        self.history = noted(self.history, (now, "stopped", run.reason))
        self.handled_before += run.handled
