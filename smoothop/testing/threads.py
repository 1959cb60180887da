"""`SimThread`: one simulated thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _thread import LockType

    from smoothop.testing.carriers import Carrier
    from smoothop.testing.scheduler import Scheduler


class SimThread:
    """A simulated thread; is what the engine's `Machine.spawn` returns.

    Attributes:
        baton: what it waits for while others run; see `Carrier`.
        ident: what `threading.get_ident` answers on it.
    """

    __slots__ = (
        "_scheduler",
        "baton",
        "held",
        "ident",
        "joiners",
        "label",
        "turn",
        "waits",
        "woken",
    )

    baton: LockType

    def __init__(self, scheduler: Scheduler, label: str) -> None:
        self._scheduler = scheduler
        self.ident: int | None = None
        self.label = label
        self.held = 0
        self.joiners: list[SimThread] | None = []
        self.turn = 0
        self.waits = False
        self.woken = False

    def carried_by(self, carrier: Carrier) -> None:
        """Run on that OS thread."""
        self.baton, self.ident = carrier.baton, carrier.ident

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
