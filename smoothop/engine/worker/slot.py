"""`Slot`: one loop of a worker, between the runner that drives it and the worker's state.

A runner asks the slot for the next context, calls the handler with it, tells the slot what came
of it, and carries out the decision it gets back. All of it happens on the runner's thread; other
threads only read `phase`, `since` and `receipt`, and set `attention`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smoothop.engine.texts import error_text
from smoothop.engine.worker.context import AsyncContext, Context
from smoothop.engine.worker.panics import panicked
from smoothop.engine.worker.retiring import abandon
from smoothop.engine.worker.supervision import (
    CALL,
    SET_UP,
    Decision,
    End,
    LeaveReason,
    Supervision,
    Wait,
)
from smoothop.errors import HandlerFailedError
from smoothop.events import BACKOFF, HANDLING, IDLE, STARTING, STOPPING, Phase
from smoothop.results import DONE, FAIL, HandleResult, wrong_result

if TYPE_CHECKING:
    from smoothop.engine.current import UnlimitedWait
    from smoothop.engine.messages.mailbox import Sleeper
    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.runners.runner import Runner
    from smoothop.engine.waiting import Wakeable
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.run import Run


class Slot:
    """One loop of one run of a worker.

    Attributes:
        number: from 0, among the slots of its run; one that has ended gives it to a later one.
        attention: something has come up outside (a stop, a pause, a resume, fewer slots): look
            what it is, between two calls. Set, and taken back, with the worker's lock, together
            with what it stands for; read without. So one flag is all that each call costs.
        dismissed: why this slot alone has to leave, if it has to; with the worker's lock.
        has_left: it calls no `handle` any more; with the worker's lock.
        phase: what the loop is doing.
        since: monotonic time when the running user code was called. Who lets go of a slot
            between two calls sets it to ``None``, or the slot would be taken for stuck.
        until: monotonic time when the present sleep ends.
        reported: the `since` of the call that was reported as stuck.
        supervision: its state machine.
        receipt: that of the message being handled.
        handled: how many calls of `handle` have returned.
        waits_for: what its handler waits for without limit.
        runner: who drives it, once it was launched.
        kill: ends the running call by force, which is a panic then, where that can be done.
        waiter: who is to be woken when it sleeps; see `Sleeper`.
        for_message: whether a message ends that sleep.
    """

    __slots__ = (
        "_mailbox",
        "_make_context",
        "_message_only",
        "_monotonic",
        "_polling",
        "attention",
        "calls",
        "core",
        "dismissed",
        "for_message",
        "handled",
        "has_left",
        "kill",
        "number",
        "phase",
        "receipt",
        "reported",
        "run",
        "runner",
        "since",
        "supervision",
        "until",
        "waiter",
        "waits_for",
    )

    waiter: Wakeable
    for_message: bool

    def __init__(self, core: WorkerCore, run: Run, number: int) -> None:
        self.core = core
        self.run = run
        self.number = number
        self.calls = core.calls
        self.attention = core.pause is not None
        self.dismissed: LeaveReason | None = None
        self.has_left = False
        self.handled = 0
        self.waits_for: UnlimitedWait | None = None
        self.runner: Runner | None = None
        self.kill: Callable[[], None] | None = None
        self.phase: Phase = STARTING
        self.since: float | None = None
        self.until: float | None = None
        self.reported: float | None = None
        self.receipt: Receipt | None = None
        # In a child process each slot has a handler of its own.
        self.supervision = Supervision(CALL if run.is_set_up and run.recipe is None else SET_UP)
        self._make_context = AsyncContext if self.calls.is_async else Context
        # A call without a message changes nothing in its context, so one serves them all.
        self._polling = self._make_context(self)
        self._message_only = run.config.message_only
        self._monotonic = core.machine.monotonic
        self._mailbox = core.mailbox

    @property
    def label(self) -> str:
        """The worker's name, with the number of every slot but the first."""
        return f"{self.core.name}#{self.number}" if self.number else self.core.name

    @property
    def is_active(self) -> bool:
        """Whether it goes on handling, as long as its worker does."""
        return self.dismissed is None and not self.has_left

    @property
    def is_stuck(self) -> bool:
        """Whether the running call of `handle` has been reported as stuck."""
        since = self.since
        return since is not None and since == self.reported and self.phase is HANDLING

    def stack(self) -> str:
        """Return where the loop stands, as a traceback's text."""
        runner = self.runner
        return "(not begun yet)" if runner is None else runner.stack()

    # -- what the runner asks

    def begin(self) -> Decision:
        """Answer what comes first."""
        self.core.slot_begun(self)
        return self._look() if self.attention else self._entered(self.supervision.begin())

    def setup_context(self) -> Context | AsyncContext:
        """Return the context for `setup` and `teardown`."""
        self.since = self._monotonic()
        return self._polling

    def next_context(self) -> Context | AsyncContext | None:
        """Return the context of the next call, or ``None`` when there is nothing to call now."""
        if self.attention:
            return None
        if self._mailbox.queue:
            receipt = self._mailbox.take()
            if receipt is not None:
                self.receipt = receipt
                # Note it, then read the flag; close sets the flag, then looks for what is noted.
                if self.core.abandoned is not None:
                    abandon(self.core, self.core.abandoned)
                    return None
                # Now it is delivered; here, for a call less for each message.
                message, receipt.message = receipt.message, None
                receipt.delivered = True
                if receipt.delivery is not None:
                    receipt.delivery.set()
                return self._make_context(self, message, receipt.sender_context)
        return None if self._message_only else self._polling

    def nothing_to_call(self) -> Decision:
        """Answer what follows when `next_context` gave none."""
        return self._look() if self.attention else self.supervision.out_of_messages()

    def wake(self) -> None:
        """End its sleep, if it sleeps; from any thread."""
        waiter: Wakeable | None = getattr(self, "waiter", None)  # it may never have slept
        if waiter is not None:
            waiter.wake()

    def tears_down(self) -> bool:
        """Tell, once its loop has ended, whether it is this slot that calls `teardown`."""
        self.phase = STOPPING
        return self.core.slot_leaves(self) and self.calls.teardown is not None

    def lie_down(self, wait: Wait, waiter: Wakeable) -> Sleeper | None:
        """Register for being woken; ``None`` when there is a reason not to sleep at all."""
        self.phase = BACKOFF if wait.until is not None and not wait.for_message else IDLE
        self.since, self.until = None, wait.until
        self.waiter, self.for_message = waiter, wait.for_message
        if not self.core.lies_down(self):
            return None
        # Who wants something sets the flag, then wakes who is registered: so register, then read.
        if self.attention:
            self._mailbox.get_up(self)
            return None
        return self

    # -- what the runner tells

    def set_up(self) -> Decision:
        """`setup` returned."""
        self.supervision.set_up()
        self.core.slot_set_up(self)
        return self._go_on()

    def returned(self, result: object, began: float) -> Decision:
        """`handle`, called at `began`, returned `result`."""
        now = self._monotonic()
        if type(result) is not HandleResult:
            return self.panicked(wrong_result(result))
        receipt, status = self.receipt, result.status
        self.handled += 1
        core = self.core
        # The event is made from this when somebody asks for it: see snapshots.LastEvent.
        call = (now, began, status, None if receipt is None else receipt.accepted_at)
        made = core.calls_made  # once: another slot may be packing them
        if made is None:
            core.first_call(call)
        else:
            made.append(call)
        if core.audience.handle or status is FAIL:
            core.returned(result, began, now, call[3])
        if receipt is not None:
            self.receipt = None
            if result.error is None:
                receipt.settle(result.result)
            else:
                self._settle_fail(receipt, result.error)
        budget = self.run.budget
        if budget is not None:  # there was a panic
            budget.handled()
        if status is DONE:
            return CALL
        return self.supervision.handled(result, now)

    def panicked(self, error: BaseException) -> Decision:
        """`error` left `setup` or `handle`."""
        return panicked(self, error)

    def woken(self, sleeper: Sleeper | None) -> Decision:
        """The sleep has ended, for whatever reason."""
        if sleeper is not None:
            self._mailbox.get_up(sleeper)
        self.until = None
        return self._go_on()

    def lose_setup(self, *, broke: bool = False) -> None:
        """What was set up is gone: `setup` is due again, before any message; from any thread.

        Args:
            broke: it went by itself: the slot does not sleep on, but looks at once.
        """
        with self.core.lock:
            self.supervision.lose_setup(broke=broke)
            self.attention = True
        if broke:
            self._mailbox.wake_all()

    # -- inside

    def _go_on(self) -> Decision:
        if self.attention:
            return self._look()
        now, message = self._monotonic(), bool(self._mailbox.queue)
        return self._entered(self.supervision.woken(now, message=message))

    def _look(self) -> Decision:
        core, message = self.core, bool(self._mailbox.queue)
        with core.lock:
            self.attention = False
            away = self.run.called_away(self)
            paused = core.pause is not None
        now = self._monotonic()
        return self._entered(self.supervision.looked_up(away, now, paused=paused, message=message))

    def _entered(self, decision: Decision) -> Decision:
        if decision is CALL:
            self.since = None  # first: what was called before was not this `handle`
            self.phase = HANDLING
        elif decision is SET_UP:
            self.since = None  # as above
            self.phase = STARTING
        elif isinstance(decision, End):
            self.phase = STOPPING
        return decision

    def waited(self, began: float | None) -> float | None:
        """Return how long the message of the call that began then was in the mailbox."""
        if self.receipt is None or began is None:
            return None
        return began - self.receipt.accepted_at

    def _settle_fail(self, receipt: Receipt, error: BaseException) -> None:
        text = f"worker {self.core.name}: handler failed: {error_text(error)}"
        receipt.settle(None, (HandlerFailedError, text), error)

    def settle_failed(self, kind: type[Any], text: str, cause: BaseException) -> None:
        """Give the message that is being handled, if there is one, this failure as its outcome."""
        receipt, self.receipt = self.receipt, None
        if receipt is not None:
            receipt.settle(None, (kind, text), cause)
