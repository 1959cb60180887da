"""`SimThread`: one simulated thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.testing.carriers import Carrier
    from smoothop.testing.scheduler import Scheduler


class SimThread:
    """A simulated thread; is what the engine's `Machine.spawn` returns."""

    __slots__ = ("_scheduler", "carrier", "held", "joiners", "label", "turn", "waits", "woken")

    def __init__(self, scheduler: Scheduler, label: str) -> None:
        self._scheduler = scheduler
        self.carrier: Carrier | None = None
        self.label = label
        self.held = 0
        self.joiners: list[SimThread] | None = []
        self.turn = 0
        self.waits = False
        self.woken = False

    @property
    def ident(self) -> int | None:
        """What `threading.get_ident` answers on it."""
        return None if self.carrier is None else self.carrier.ident

    def is_alive(self) -> bool:
        """Tell whether it has not ended yet."""
        return self.joiners is not None

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most `timeout` virtual seconds."""
        scheduler = self._scheduler
        scheduler.switch()
        if self.joiners is not None:
            deadline = None if timeout is None else scheduler.deadline(timeout)
            scheduler.wait_in(self.joiners, deadline)
