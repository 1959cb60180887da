"""Send a claimed file to the target and learn what became of it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smoothop import (
    Context,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    MailboxFullError,
    MessageDroppedError,
    OperatorClosedError,
    Receipt,
    WorkerNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from smoothop_inbox.claims import Claimed

ROOM_TIMEOUT = 30.0
"""Seconds to wait for room in the target's mailbox before that is reported."""
STOP_PATIENCE = 10.0
"""Seconds to go on waiting, once asked to stop, for the outcome of a file that is being handled."""
_SLICE = 0.25  # a receipt and a stop cannot be waited for at once: so late is a stop noticed


@dataclass(frozen=True, slots=True)
class Accepted:
    """The target has done its work on the file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The target could not work on the file.

    Attributes:
        reason: why, in one line.
        detail: the traceback of a panic; empty after a `fail`.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing was said about the file; it is to be sent again.

    Attributes:
        problem: what has to change first; ``None`` if only a stop came between.
    """

    problem: BaseException | None


Outcome = Accepted | Refused | Undecided


def deliver(ctx: Context, target: str, claimed: Claimed, clock: Callable[[], float]) -> Outcome:
    """Send the file and wait for the outcome; a stop of this worker ends the wait."""
    message = {"path": str(claimed.path), "name": claimed.name}
    try:
        receipt = ctx.dispatch(target, message, timeout=ROOM_TIMEOUT)
    except (
        WorkerNotFoundError,
        DispatchTimeoutError,
        MailboxFullError,
        OperatorClosedError,
    ) as error:
        return _undecided(ctx, error)
    return _outcome(ctx, receipt, clock)


def _outcome(ctx: Context, receipt: Receipt, clock: Callable[[], float]) -> Outcome:
    asked_at: float | None = None
    while True:
        try:
            receipt.result(timeout=_SLICE)
        except TimeoutError:
            if not ctx.cancelled:
                continue
            asked_at = clock() if asked_at is None else asked_at
            # A message that still waits may wait until the next start: there is no outcome to
            # hope for. One that is being handled gets some time.
            if not receipt.delivered or clock() - asked_at >= STOP_PATIENCE:
                return Undecided(None)
        except MessageDroppedError as error:
            return _undecided(ctx, error)
        except (HandlerFailedError, HandlerPanickedError) as error:
            # What fails while everything stops may have failed for that: it is tried again.
            return Undecided(None) if ctx.cancelled else _refused(error)
        else:
            return Accepted()


def _undecided(ctx: Context, error: BaseException) -> Undecided:
    return Undecided(None if ctx.cancelled else error)


def _refused(error: HandlerFailedError | HandlerPanickedError) -> Refused:
    cause = error.__cause__
    if isinstance(error, HandlerFailedError) or cause is None:
        return Refused(str(cause or error), "")
    return Refused(str(error), "".join(traceback.format_exception(cause)))
