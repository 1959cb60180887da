"""Supervision: what a worker does next, decided without thread, clock or lock.

A runner tells a `Supervision` what just happened and carries out the `Decision` it gets back.
Everything that happens goes in as an argument, the time included, so the same history always
gives the same decisions::

    begin ──> SET_UP ──set_up──> CALL <───────────────┬──────────────────┐
                │                 │ handled: done ────┘                  │
                │                 │ handled: none(t), fail(t), t > 0     │
                │ panicked        ├──────────────> Wait(until t) ──woken─┤
                │                 │ out_of_messages                      │
                │                 ├──────────────> Wait(a message) ─woken┤
                │                 │ panicked                             │
                └─────────────────┴──> Wait(backoff) ──woken─────────────┘ (or SET_UP again)
                                  └──> End("panic limit")
    called away, at any step ────────> End("requested" | "cancelled" | "surplus" | ...)
    paused, between any two steps ───> Wait(resume) ──resumed──> what was due, or the rest of it
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple

from smoothop._durations import seconds
from smoothop.config import Config
from smoothop.events import StopReason
from smoothop.results import NONE, HandleResult

LeaveReason = StopReason | Literal["surplus", "abandoned"]
"""Why a slot leaves: its worker stops or has more slots than it should, or it was replaced."""

SURPLUS: Final = "surplus"
ABANDONED: Final = "abandoned"

DEFAULT_BACKOFF: Final = 1.0
"""Seconds to sleep after a panic where the config says 0; from the Go package."""


class Step(Enum):
    """Call something now: the handler's `setup`, or its `handle`."""

    SET_UP = "set up"
    CALL = "call"


# By these names on hot paths: up to Python 3.11, `Step.CALL` itself runs a property in Python.
SET_UP: Final = Step.SET_UP
CALL: Final = Step.CALL


class Wait(NamedTuple):
    """Sleep until the monotonic time `until` (``None``: without limit).

    A message ends the sleep early if `for_message`; being asked to stop always does.
    """

    until: float | None
    for_message: bool


class End(NamedTuple):
    """Leave the loop, for this reason."""

    reason: LeaveReason


Decision = Literal[Step.SET_UP, Step.CALL] | Wait | End

FOR_A_MESSAGE: Final = Wait(until=None, for_message=True)
FOR_A_RESUME: Final = Wait(until=None, for_message=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of a `Config` that supervision obeys, with its defaults filled in."""

    max_panics: int
    backoff: float
    backoff_max: float
    window: float

    @classmethod
    def of(cls, config: Config) -> Policy:
        """Return the policy that `config` asks for."""
        most = seconds(config.panic_backoff_max, "panic_backoff_max")
        base = seconds(config.panic_backoff, "panic_backoff") or DEFAULT_BACKOFF
        return cls(
            max_panics=config.max_panic_attempts,
            backoff=min(base, most) if most else base,
            backoff_max=most,
            window=seconds(config.panic_window, "panic_window"),
        )


class Policies:
    """Gives the workers of one operator that share a config the same policy.

    It belongs to the operator, not to the process: what an operator does must not depend on
    which others there were before it.
    """

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: tuple[Config, Policy] | None = None

    def of(self, config: Config) -> Policy:
        """Return the policy of `config`: that of the last one asked for, if it is the same object.

        To compare two configs would cost as much as a new policy.
        """
        latest = self._latest
        if latest is None or latest[0] is not config:
            latest = self._latest = config, Policy.of(config)
        return latest[1]


class PanicBudget:
    """Counts the panics of one run and answers how long to back off; shared by its slots.

    Attributes:
        in_a_row: panics since a `handle` last returned.
    """

    __slots__ = ("_policy", "_since_start", "_times", "in_a_row")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._since_start = 0
        self._times: deque[float] | None = None  # made by the first panic, if it is needed
        self.in_a_row = 0

    def add(self, now: float) -> int:
        """Count a panic at `now`; return how many count at this moment."""
        self._since_start += 1
        self.in_a_row += 1
        if self._policy.window:
            self._times = self._times or deque()
            self._times.append(now)
        return self.attempts(now)

    def handled(self) -> None:
        """A `handle` has returned."""
        self.in_a_row = 0

    def attempts(self, now: float) -> int:
        """Return how many panics count at `now`: all of this run, or those in the window."""
        if not self._policy.window:
            return self._since_start
        times = self._times or deque()
        while times and times[0] <= now - self._policy.window:
            times.popleft()
        return len(times)

    def exhausted(self, attempts: int) -> bool:
        """Tell whether that many panics are the limit."""
        return 0 < self._policy.max_panics <= attempts

    def backoff(self, jitter: float) -> float:
        """Return how long to sleep after the latest panic, in seconds.

        Constant, or doubling with each panic in a row up to the maximum. A doubled backoff is
        shortened by up to a quarter, so that workers that fell together do not come back
        together; it is never shorter than the first and never longer than the maximum.

        Args:
            jitter: a number from 0 (no shortening) to 1.
        """
        policy = self._policy
        if not policy.backoff_max:
            return policy.backoff
        doublings = min(self.in_a_row - 1, 64)
        full = min(policy.backoff * 2.0**doublings, policy.backoff_max)
        return max(policy.backoff, full * (1 - jitter / 4))


class Supervision:
    """The state machine of one slot: told what happened, it answers what to do next."""

    __slots__ = ("_broke", "_due", "_paused", "_wait")

    def __init__(self, first: Step) -> None:
        """Make one that begins with `first`."""
        self._due = first  # when it does not wait
        self._broke = False
        self._wait: Wait | None = None
        self._paused = False

    def begin(self) -> Decision:
        """Answer what comes first."""
        return self._due

    def set_up(self) -> None:
        """`setup` returned."""
        self._due = CALL

    def lose_setup(self, *, broke: bool) -> None:
        """What was set up is gone: `setup` comes next, when it is not time to wait.

        Args:
            broke: it went by itself, which ends a sleep as a message does, and is told also in
                a pause; a backoff goes on.
        """
        self._due = SET_UP
        self._broke = broke

    def handled(self, result: HandleResult, now: float) -> Decision:
        """`handle` returned `result`.

        Runners may skip this call for a `done`, whose answer is always `Step.CALL`.
        """
        if not result.idle:
            return CALL
        # As `Wait(...)` does, but for a function in Python around it.
        until_then = (now + result.idle, result.status is NONE)
        self._wait = wait = tuple.__new__(Wait, until_then)
        return wait

    def out_of_messages(self) -> Decision:
        """A message-only worker found its mailbox empty."""
        self._wait = FOR_A_MESSAGE
        return FOR_A_MESSAGE

    def panicked(self, now: float, backoff: float | None) -> Wait | End:
        """An exception left `setup` or `handle`.

        Args:
            now: the monotonic time.
            backoff: what `PanicBudget.backoff` answered; ``None``: it was one too many.
        """
        if backoff is None:
            return End("panic limit")
        self._wait = wait = Wait(now + backoff, for_message=False)
        return wait

    def looked_up(
        self, away: LeaveReason | None, now: float, *, paused: bool, message: bool
    ) -> Decision:
        """Between two steps it looked what is wanted of it: to leave, to pause, or to go on.

        Args:
            away: why it has to leave, if it has to.
            now: the monotonic time.
            paused: whether the worker is paused.
            message: whether a message waits.
        """
        if away is not None:
            return End(away)
        self._paused = paused
        return self.woken(now, message=message)

    def woken(self, now: float, *, message: bool) -> Decision:
        """Answer what follows a sleep that was perhaps interrupted, or a look.

        A pause stops no clock: a sleep that was due to end during one is over after it.
        """
        if self._paused and not self._broke:
            return FOR_A_RESUME
        wait = self._wait
        if wait is not None:
            over = wait.until is not None and now >= wait.until
            if not over and not ((message or self._broke) and wait.for_message):
                return wait
            self._wait = None
        self._broke = False
        return self._due
