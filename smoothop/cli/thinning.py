"""A worker that panics again and again fills no log.

Of its panics with the same error the first `SHOWN_AT_ONCE` are shown, and from then on one every
`PAUSE` seconds; the line about the backoff goes with its panic. The next one that is shown tells
how many were left out before it. If none comes, because another error does or the worker stops, a
record of its own tells. Nothing else is left out.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SHOWN_AT_ONCE: Final = 5
PAUSE: Final = 10.0

_PANIC, _BACKOFF = "panic recovered", "backing off after panic"
_ENDS: Final = ("max panic attempts reached", "worker stopped")


class Thinning:
    """Says what is shown of the records that come; may be called from any thread.

    Args:
        clock: gives seconds since any moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._rows: dict[str, _Row] = {}

    def shown(self, record: logging.LogRecord) -> list[logging.LogRecord]:
        """Return what is to be shown now that this record came.

        That is the record itself, or nothing, or a record before it that tells a number. The
        number of panics that were left out is the attribute ``left_out``.
        """
        worker = getattr(record, "worker", None)
        if not isinstance(worker, str):
            return [record]
        with self._lock:
            if record.msg == _PANIC:
                return self._panic(worker, record)
            if record.msg == _BACKOFF:
                row = self._rows.get(worker)
                return [] if row and row.is_hidden else [record]
            if record.msg in _ENDS:
                return [*self._ended(worker), record]
        return [record]

    def _panic(self, worker: str, record: logging.LogRecord) -> list[logging.LogRecord]:
        error, row, before = getattr(record, "error", None), self._rows.get(worker), []
        if row is None or row.error != error:
            before = self._ended(worker)
            row = self._rows[worker] = _Row(error)
        return before + row.next(record, self._clock())

    def _ended(self, worker: str) -> list[logging.LogRecord]:
        row = self._rows.pop(worker, None)
        if row is None or not row.left_out:
            return []
        told = logging.LogRecord("smoothop", logging.WARNING, "", 0, "panics left out", None, None)
        vars(told).update(worker=worker, error=row.error, left_out=row.left_out)
        return [told]


@dataclass(slots=True)
class _Row:
    """Panics of one worker with the same error.

    Attributes:
        error: that error.
        count: how many were shown.
        last: when the last of them was shown.
        left_out: how many were not, since then.
    """

    error: object
    count: int = 0
    last: float = 0.0
    left_out: int = 0

    @property
    def is_hidden(self) -> bool:
        """Whether the latest panic was not shown."""
        return self.left_out > 0

    def next(self, record: logging.LogRecord, now: float) -> list[logging.LogRecord]:
        if self.count >= SHOWN_AT_ONCE and now - self.last < PAUSE:
            self.left_out += 1
            return []
        if self.left_out:
            record = copy.copy(record)  # other log handlers get it as it is
            record.left_out = self.left_out
        self.count, self.last, self.left_out = self.count + 1, now, 0
        return [record]
