"""How many threads a pool needs: decided without thread, clock or lock.

Once in a *tick*, while somebody waits for a thread, the pool's watch looks and tells `Growth` what
it sees::

    has somebody waited a whole tick, and were the carriers not brisk just before?
      no  ──────────────────────────────────> start from 1 again
      yes ── the look comes in time ────────> 1, 2, 4, 8, ... threads more
             it comes late: is every carrier where it was at the last two looks?
              ├─ yes: they block ───────────> the same
              └─ no: they calculate ────────> 1 more, when none has come back for a while

A look that comes in time proves that the interpreter was free within the tick: so it is threads
that are missing. If even the watch has to wait for the interpreter, one more thread would mostly
wait beside it; still, handlers that calculate for ever must not keep the others out for ever.
Carriers that come back every few microseconds need no company even if they pause: it was the
machine that had something else to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TICK: Final = 0.001
"""Seconds between two looks while somebody waits."""

LATE: Final = 0.003
"""Seconds after which a look counts as late; who waits for the interpreter waits 5 ms."""

BRISK: Final = 5_000
"""Returns a second for each carrier from which on it is not the handlers that make others wait."""

BRISK_FOR: Final = 0.02
"""Seconds after such a look in which none is added."""

PATIENCE: Final = 0.05
"""Seconds for each carrier that those who calculate may go on before one more is added."""

EXHAUSTED_AFTER: Final = 1.0
"""Seconds without a carrier that comes back after which a full pool counts as exhausted."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the watch sees.

    Attributes:
        now: monotonic time.
        late: this look comes more than `LATE` later than it should.
        waiting: slots that wait for a carrier.
        waited: one of them has waited a whole tick, since the last look.
        carriers: how many there are.
        returned: how often a carrier has come back from a slot, ever.
        stands_still: every carrier stands at the instruction where it stood at the last look.
    """

    now: float
    late: bool
    waiting: int
    waited: bool
    carriers: int
    returned: int
    stands_still: bool


class Growth:
    """Told what the watch sees, answers how many carriers to call up, and when it is too much.

    Args:
        limit: the most carriers there may be.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._step = 1
        self._still = 0
        self._returned = -1
        self._quiet_since = 0.0
        self._looked_at = 0.0
        self._brisk_until = 0.0
        self._is_exhausted = False

    def more(self, look: Look) -> int:
        """Return how many more carriers are needed, whether that many are allowed or not."""
        self._note_briskness(look)
        if not look.waited or look.returned != self._returned:
            self._returned, self._quiet_since = look.returned, look.now
            self._is_exhausted = False
        if not look.waited or look.now < self._brisk_until:
            self._step = 1
            return 0
        if look.late and not self._blocks(look):
            self._step = 1
            return self._more_beside_busy_ones(look)
        step = self._step
        self._step = 2 * step
        return min(step, look.waiting)

    def is_exhausted(self, look: Look) -> bool:
        """Tell, once each time it comes to that, that all are blocked and no more may be added."""
        if self._is_exhausted or not look.waited or look.carriers < self.limit:
            return False
        self._is_exhausted = look.now - self._quiet_since >= EXHAUSTED_AFTER
        return self._is_exhausted

    def _note_briskness(self, look: Look) -> None:
        expected = BRISK * look.carriers * (look.now - self._looked_at)
        if self._returned >= 0 and look.returned - self._returned > expected:
            self._brisk_until = look.now + BRISK_FOR
        self._looked_at = look.now

    def _blocks(self, look: Look) -> bool:
        # Once may be chance: who waits for the interpreter stands still as well.
        self._still = self._still + 1 if look.stands_still else 0
        return self._still > 1

    def _more_beside_busy_ones(self, look: Look) -> int:
        if look.now - self._quiet_since < PATIENCE * look.carriers:
            return 0
        self._quiet_since = look.now
        return 1
