"""`History`: the latest things that happened to a worker, for people to read."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

LENGTH: Final = 32


class Pause(NamedTuple):
    """A worker handles nothing until it is resumed.

    Attributes:
        since: when it was paused, in seconds since the epoch.
        by: who did it, as they call themselves.
    """

    since: float
    by: str | None


class History:
    """The last `LENGTH` of ``(time, event, detail)``; safe from any thread, without a lock."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[float, str, str | None]] = []

    def note(self, time: float, event: str, detail: str | None = None) -> None:
        """Add what happened at `time`, in seconds since the epoch."""
        self._entries.append((time, event, detail))
        if len(self._entries) > LENGTH:
            del self._entries[0]

    def to_list(self) -> list[dict[str, Any]]:
        """Return it as plain values, the oldest first."""
        return [
            {"time": time, "event": event, "detail": detail}
            for time, event, detail in self._entries.copy()
        ]
