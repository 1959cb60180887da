"""How long each running call has been seen to run, and which of them are stuck. Pure.

Time is counted from look to look, as it passes for the process. Of a step that took much longer
than it should have, only so much counts as the process has worked: then some code kept the
interpreter's lock from whoever looks. The rest it was stopped, or its machine suspended, and no
handler is to blame for that.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import inf
from typing import Final, Generic, NamedTuple, TypeVar

Who = TypeVar("Who", bound=Hashable)

SHORTEST_STEP: Final = 0.01
LONGEST_STEP: Final = 0.5
"""Seconds between two looks, at most: what is stuck is told within three of them."""


class Call(NamedTuple):
    """A call that is running.

    Attributes:
        since: monotonic time when it began; tells it from an earlier call of the same caller.
        limit: seconds that it may be seen to run.
        held_up: it cannot go on now, and that is not its fault.
        subject: what it is about, as of the first look at it.
    """

    since: float
    limit: float
    held_up: bool = False
    subject: object = None


def step_for(limit: float) -> float:
    """Return the seconds between two looks that find what takes longer than `limit` in time."""
    return min(max(limit / 8, SHORTEST_STEP), LONGEST_STEP)


class Ages(Generic[Who]):
    """What was seen of each running call until now.

    Attributes:
        looked_at: monotonic time of the last look; infinite before the first.
    """

    def __init__(self) -> None:
        self._seen: dict[Who, _Seen] = {}
        self.looked_at = inf
        self._worked = 0.0

    def look(
        self, now: float, step: float, calls: Mapping[Who, Call], worked: float = 0.0
    ) -> dict[Who, Call]:
        """Count the time since the last look; return the calls that are stuck since this one.

        Each call is returned once, as it was when it was first seen.

        Args:
            now: the monotonic time.
            step: how many seconds ago the last look should have been.
            calls: who is in a call now.
            worked: for how many seconds the process has worked, ever.
        """
        passed = self.passed(now, step, worked)
        stuck = {}
        seen: dict[Who, _Seen] = {}
        for who, call in calls.items():
            before = self._seen.get(who)
            if before is None or before.call.since != call.since:
                before = _Seen(call, -max(0.0, passed - (now - call.since)))
            seen[who] = one = before
            one.age += 0.0 if call.held_up else passed
            if one.age >= call.limit and not one.told:
                one.told = True
                stuck[who] = one.call
        self._seen, self.looked_at, self._worked = seen, now, worked
        return stuck

    def is_late(self, now: float, step: float) -> bool:
        """Tell whether the last look is longer ago than it should be."""
        return now - self.looked_at > 2 * step

    def passed(self, now: float, step: float, worked: float) -> float:
        """Return how much time counts since the last look; the arguments are those of `look`."""
        gap = now - self.looked_at
        if gap < 0:  # there was none
            return step
        return max(step, min(gap, worked - self._worked)) if self.is_late(now, step) else gap

    def next_in(self, otherwise: float) -> float:
        """Return in how many seconds the next call would be stuck that began by now."""
        left = (one.call.limit - one.age for one in self._seen.values() if not one.told)
        return min(left, default=otherwise)


class _Seen:
    __slots__ = ("age", "call", "told")

    def __init__(self, call: Call, age: float) -> None:
        self.call = call
        self.age = age
        self.told = False
