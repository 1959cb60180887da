"""The history of a worker: the latest things that happened to it, for people to read. Pure."""

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


Entry = tuple[float, str, str | None]
"""``(time, event, detail)``; the time in seconds since the epoch."""


def noted(entries: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
    """Return the last `LENGTH` entries with one more."""
    return (*entries[1 - LENGTH :], entry) if entries else (entry,)


def as_dicts(entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    """Return them as plain values, the oldest first."""
    return [{"time": time, "event": event, "detail": detail} for time, event, detail in entries]
