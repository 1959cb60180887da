"""`StateReporter`: keeps the service manager informed while `smoothop run` runs."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from smoothop.engine.watching.pulse import pulse
from smoothop.errors import OperatorClosedError
from smoothop.events import Phase

if TYPE_CHECKING:
    from smoothop.cli.notify import NotifySocket
    from smoothop.cli.service import Announce
    from smoothop.cli.signals import SignalLadder
    from smoothop.engine.completion import Completion
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.view import Worker

TICK: Final = 5.0
"""Seconds between two looks at the workers, if no watchdog asks for more."""
EXTENSION: Final = 15.0
"""Seconds that one sign of life gives a start or a stop beyond the manager's own limits."""

_EXTENSION = int(EXTENSION * 1e6)
_FIRST_LOOK = 0.01
_DRAIN_TICK = 1.0
_SHARE_FOR_STATUS = 0.002
_NAMES_SHOWN = 3


def is_up(worker: Worker) -> bool:
    """Tell whether the start of a worker is over: it has got past `setup`, or will not.

    A worker whose `setup` or first calls panic is not up: it is tried again, and waited for. One
    that has been stopped or has used up its panics is not waited for any longer.
    """
    phase = worker.phase
    if phase in (Phase.HANDLING, Phase.IDLE):
        return True
    known = worker.snapshot()
    return known.handled > 0 if phase in (Phase.STARTING, Phase.BACKOFF) else known.starts > 0


def status_text(workers: Iterable[Worker]) -> str:
    """Return in one line what the workers do, and which of them are in trouble."""
    phases = [(worker.phase, worker.name) for worker in workers]
    counts = Counter(phase for phase, _ in phases)
    parts = []
    for phase in Phase:
        if counts[phase]:
            names = [name for one, name in phases if one is phase]
            parts.append(f"{counts[phase]} {phase.value}{_named(phase, names)}")
    return f"{len(phases)} worker{'' if len(phases) == 1 else 's'}: {', '.join(parts)}"


def _named(phase: Phase, names: list[str]) -> str:
    if phase not in (Phase.BACKOFF, Phase.FAILED):
        return ""
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f" ({', '.join(names[:_NAMES_SHOWN])}{more})"


class StateReporter:
    """Tells the service manager that all workers are up, how they are, and that they stop.

    While the workers start and while they stop, each sign of life puts off the manager's own
    limits; in between it feeds the manager's watchdog. Both only while the operator's timers and
    its event loop get round to what is due: see `pulse`. A stop has a limit of its own, the grace
    time, and is reported whatever the loop does.

    Args:
        manager: whom to tell.
        operator: with its workers added.
        ladder: says that the service stops.
        announce: shows, once, that the manager cannot be reached.
    """

    def __init__(
        self,
        manager: NotifySocket,
        operator: Operator,
        ladder: SignalLadder,
        announce: Announce,
    ) -> None:
        self._manager = manager
        self._operator = operator
        self._stopping = ladder.stop_requested
        self._announce = announce
        self._tick = min(TICK, (manager.watchdog or TICK * 3) / 3)
        self._starting: list[Worker] | None = operator.workers()
        self._pulse: Completion = pulse(operator)
        self._status = ""
        self._next_status = 0.0
        self._is_reachable = True

    def begin(self) -> None:
        """Begin to report, on a thread that goes on until the process ends."""
        threading.Thread(target=self._run, name="smoothop-reporter", daemon=True).start()

    def _run(self) -> None:
        pause = _FIRST_LOOK
        while not self._stopping.wait(pause):
            try:
                self._look()
            except OperatorClosedError:
                break
            # The manager waits for READY with others behind it; later there is no hurry.
            pause = self._tick if self._starting is None else min(pause * 2, self._tick)
        self._tell(STOPPING=1, STATUS="stopping the workers", EXTEND_TIMEOUT_USEC=_EXTENSION)
        while True:
            time.sleep(_DRAIN_TICK)
            self._tell(EXTEND_TIMEOUT_USEC=_EXTENSION)

    def _look(self) -> None:
        fields = self._new_status()
        if self._starting is not None:
            self._starting = [one for one in self._starting if not is_up(one)]
            if not self._starting:
                self._starting = None
                fields["READY"] = 1
        if self._is_fresh():
            if self._starting is not None:
                fields["EXTEND_TIMEOUT_USEC"] = _EXTENSION
            elif self._manager.watchdog is not None:
                fields["WATCHDOG"] = 1
        if fields:
            self._tell(**fields)

    def _new_status(self) -> dict[str, object]:
        """Return the status if it is news; how often is a matter of what it costs."""
        now = time.monotonic()
        if now < self._next_status:
            return {}
        status = status_text(self._operator.workers())
        self._next_status = now + (time.monotonic() - now) / _SHARE_FOR_STATUS
        if status == self._status:
            return {}
        self._status = status
        return {"STATUS": status}

    def _is_fresh(self) -> bool:
        """Tell whether the last pulse has been answered; if it was, ask for the next."""
        if not self._pulse.done():
            return False
        answered = self._pulse.exception(0) is None
        self._pulse = pulse(self._operator)
        return answered

    def _tell(self, **fields: object) -> None:
        try:
            self._manager.tell(**fields)
            self._is_reachable = True
        except OSError as error:
            if self._is_reachable:
                self._announce(f"the service manager cannot be told: {error}", logging.WARNING)
            self._is_reachable = False
