"""What must hold of messages, runs and panics, kept apart from the engine it is held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from smoothop import HandlerFailedError, HandlerPanickedError, MessageDroppedError
from smoothop.engine.messages.receipt import Receipt
from smoothop.engine.worker.run import Run
from smoothop.testing import SimMachine


@dataclass
class Entry:
    """One message, from the attempt to send it."""

    number: int
    sender: str
    target: str
    state: str = "trying"  # then "accepted" or "refused"
    receipt: Receipt | None = None
    delivered: int = 0
    replaceable: bool = False
    came_to: tuple[str, Any] = ("nothing", None)
    seen: list[tuple[str, Any]] = field(default_factory=list)


class Ledger:
    """Promises 1 to 3: every message, who sent it, and what became of it."""

    def __init__(self, machine: SimMachine) -> None:
        self._machine = machine
        self._entries: list[Entry] = []
        self._latest: dict[tuple[str, object], int] = {}
        self.closing = False

    def fail(self, why: str) -> NoReturn:
        """Let the whole simulation fail; from inside a handler, too."""
        self._machine.note(f"FAILS {why}")
        self._machine.fail(AssertionError(why))

    def trying(self, sender: str, target: str) -> Entry:
        """Note that `sender` is about to send a message, which the entry itself is."""
        entry = Entry(len(self._entries), sender, target)
        self._entries.append(entry)
        return entry

    def accepted(self, entry: Entry, receipt: Receipt) -> None:
        """Note that the message was taken."""
        entry.state, entry.receipt = "accepted", receipt

    def refused(self, entry: Entry) -> None:
        """Note that the message was not taken: nobody may handle it, now or later."""
        entry.state = "refused"
        if entry.delivered:
            self.fail(f"message {entry.number} was refused and delivered")

    def delivered(self, entry: Entry, handler: object, *, crowded: bool) -> None:
        """Note that a handler was given the message, in one of several slots if it is crowded."""
        entry.delivered += 1
        if entry.delivered > 1:
            self.fail(f"message {entry.number} was delivered twice")
        if entry.state == "refused":
            self.fail(f"message {entry.number} was refused and delivered")
        if entry.receipt is not None and not entry.receipt.delivered:
            self.fail(f"the receipt of message {entry.number} does not know of its delivery")
        key = (entry.sender, handler)
        if not crowded and self._latest.get(key, -1) > entry.number:
            self.fail(f"{entry.target} got {entry.number} of {entry.sender} after a later one")
        self._latest[key] = entry.number

    def saw(self, entry: Entry, outcome: tuple[str, Any]) -> None:
        """Note what somebody was told about the message."""
        entry.seen.append(outcome)

    def check_settled(self) -> None:
        """Check that each message that was accepted by now has an outcome."""
        for entry in self._entries:
            if entry.receipt is not None and not entry.receipt.done():
                self.fail(f"message {entry.number} to {entry.target} has no outcome after close")

    def check_at_end(self, *, abandoned: bool) -> None:
        """Check that each accepted message has the one outcome that its handler gave it."""
        self.check_settled()
        for entry in self._entries:
            if entry.state != "accepted" or entry.receipt is None:
                continue
            outcome = outcome_of(entry.receipt)
            if any(seen != outcome for seen in entry.seen):
                self.fail(f"message {entry.number} had outcomes {entry.seen}, then {outcome}")
            if not _agrees(entry, outcome, abandoned=abandoned):
                self.fail(
                    f"message {entry.number} came to {entry.came_to} "
                    f"(delivered {entry.delivered} times) and its sender is told {outcome}"
                )

    def counts(self) -> dict[str, int]:
        """Return how many messages came to what."""
        counted: dict[str, int] = {}
        for entry in self._entries:
            kind = entry.state if entry.receipt is None else outcome_of(entry.receipt)[0]
            counted[kind] = counted.get(kind, 0) + 1
        return counted


def outcome_of(receipt: Receipt) -> tuple[str, Any]:
    """Return what a receipt says."""
    try:
        return "done", receipt.result(0)
    except HandlerFailedError:
        return "failed", None
    except HandlerPanickedError:
        return "panicked", None
    except MessageDroppedError:
        return "dropped", None


def _agrees(entry: Entry, outcome: tuple[str, Any], *, abandoned: bool) -> bool:
    if outcome[0] == "dropped":
        # Undelivered, or what it raised came because it was asked to stop, or close gave up on it,
        # or its slot was replaced.
        given_up = abandoned or entry.replaceable
        return not entry.delivered or entry.came_to[0] == "panicked" or given_up
    return entry.delivered == 1 and entry.came_to == outcome


@dataclass
class RunModel:
    """Promise 5: the panics of one run, counted without the engine."""

    run: Run
    panics: list[float] = field(default_factory=list)
    in_a_row: int = 0
    pending: bool = False
    was_stopping: bool = False
    ended: bool = False
    not_before: float = 0.0

    def enters(self, now: float) -> str | None:
        """User code is called; return what is wrong with that."""
        if self.pending:
            return "user code is called again, and the panic before was not reported"
        if self.ended:
            return "user code is called after the panic limit"
        if now < self.not_before - 1e-6:
            return f"called {self.not_before - now:g} s before its backoff is over"
        return None

    def raises(self, now: float) -> None:
        """An exception is about to leave user code."""
        self.pending = True
        self.was_stopping = self.run.stopping
        self.panics.append(now)

    def interrupted(self) -> str | None:
        """The engine says that the exception came because of the stop."""
        self.pending = False
        self.panics.pop()
        return None if self.run.stopping else "a panic is taken for a stop"

    def recovered(self, attempt: int, *, exact: bool) -> str | None:
        """The engine reports a panic as the `attempt`-th."""
        if not self.pending:
            return "a panic is reported that was none"
        if self.was_stopping:
            return "what came because of the stop is taken for a panic"
        self.pending = False
        self.in_a_row += 1
        window = float(self.run.config.panic_window)
        least = most = len(self.panics)
        if window:
            now = self.panics[-1]
            slack = 0.01 if exact else 1e9
            least = max(1, sum(when > now - window + slack for when in self.panics))
            most = sum(when > now - window - slack for when in self.panics)
        if not least <= attempt <= most:
            return f"the panic counts as {attempt}, and is {least} to {most}"
        return None

    def backs_off(self, attempt: int, pause: float) -> str | None:
        """The engine says how long it sleeps."""
        config = self.run.config
        self.not_before = self.panics[-1] + pause
        if 0 < config.max_panic_attempts <= attempt:
            return f"goes on after panic {attempt}"
        base, most = float(config.panic_backoff) or 1.0, float(config.panic_backoff_max)
        full = min(base * 2 ** (self.in_a_row - 1), most) if most else base
        base = min(base, most) if most else base
        least = max(base, full * 0.75) if most else base
        if not least - 1e-6 <= pause <= full + 1e-6:
            return f"sleeps {pause:g} s after {self.in_a_row} in a row, not {least:g} to {full:g}"
        return None

    def gives_up(self, attempts: int) -> str | None:
        """The engine says that the limit is reached."""
        self.ended = True
        most = self.run.config.max_panic_attempts
        return None if attempts == most else f"gives up at {attempts} of {most}"


def lifecycle_faults(
    events: Iterable[tuple[str, str, str | None]], threadless: Counter[str]
) -> str | None:
    """Return what is wrong in a history of ``(worker, event, reason)``.

    Args:
        events: the history.
        threadless: how many of each worker's starts got no thread: they stop without a reason.
    """
    running: dict[str, bool] = {}
    for worker, event, reason in events:
        if (event == "started") == running.get(worker, False):
            return f"{worker} has {event} twice in a row"
        if event == "stopped" and reason is None:
            threadless[worker] -= 1
        elif (event == "stopped") != (reason in ("requested", "panic limit", "cancelled")):
            return f"{worker} has {event} for the reason {reason}"
        running[worker] = event == "started"
    if any(threadless.values()):
        return f"of starts without a thread, {threadless} were told wrongly"
    left = [worker for worker, runs in running.items() if runs]
    return f"{left} never stopped" if left else None
