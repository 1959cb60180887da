"""`Escalation`: what is done, and when, to a child that is to leave; decided without a clock."""

from __future__ import annotations

from enum import Enum
from typing import Final

LAST_CHANCE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL, or between a child's last word and SIGKILL."""


class Force(Enum):
    """What makes a child leave that does not do so by itself."""

    TERMINATE = "SIGTERM"
    KILL = "SIGKILL"
    KILL_UNHEARD = "SIGKILL, to one that cannot be asked or terminated: it hears nothing"


class Escalation:
    """The ladder: asked, terminated when the grace is over, killed soon after.

    One that has closed its connection is about to end, whether it was asked or has crashed. If it
    does not, all that is left is to kill it.
    """

    __slots__ = ("_at", "_grace", "_left")

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._at: float | None = None
        self._left: list[Force] = [Force.TERMINATE, Force.KILL]

    def asked(self, now: float) -> None:
        """It was asked to leave; only the first time counts."""
        if self._at is None:
            self._at = now + self._grace

    def unheard(self, now: float) -> None:
        """It has closed its connection."""
        if Force.TERMINATE in self._left:
            self._at = now + LAST_CHANCE
            self._left = [Force.KILL_UNHEARD]

    def due(self, now: float) -> Force | None:
        """Return what is to be done now; the same thing only once."""
        if self._at is None or not self._left or now < self._at:
            return None
        self._at = now + LAST_CHANCE
        return self._left.pop(0)

    def pause(self, now: float) -> float | None:
        """Return in how many seconds to look again; ``None``: there is nothing to look for."""
        return max(0.0, self._at - now) if self._at is not None and self._left else None
