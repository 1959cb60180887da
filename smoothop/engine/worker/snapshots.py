"""Reading a worker from outside: its phase, its last event, its snapshot. Never waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from smoothop._frozen import field_dict
from smoothop.engine.watching.streams import make_event
from smoothop.engine.worker.history import as_dicts
from smoothop.engine.worker.supervision import ABANDONED
from smoothop.engine.worker.tempo import CALLS, RawCall, p95, rate, unpacked
from smoothop.events import (
    BACKOFF,
    HANDLING,
    IDLE,
    STARTING,
    DispatchEvent,
    HandleEvent,
    MetricEvent,
    Phase,
    Status,
    WorkerSnapshot,
    event_dict,
)
from smoothop.results import HandleStatus

if TYPE_CHECKING:
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.run import Run
    from smoothop.engine.worker.slot import Slot


_LIVELY_FIRST: Final = (HANDLING, STARTING, BACKOFF, IDLE)
"""Of several slots, the worker shows the phase that comes first here."""


def status(core: WorkerCore) -> Status:
    """Return whether the worker's code may be running."""
    return Status.RUNNING if core.is_running() else Status.STOPPED


def phase(core: WorkerCore) -> Phase:
    """Return what the worker is doing."""
    run = core.run
    if run is None or (run.over and not core.is_running()):
        return Phase.FAILED if core.failed else Phase.STOPPED
    if run.leaving:
        return Phase.STOPPING
    slots = run.slots
    if len(slots) == 1:  # as mostly: three times as fast
        return slots[0].phase
    # What an abandoned one does is no work of the worker's any more, unless there is no other.
    at_work = [slot for slot in slots if slot.dismissed != ABANDONED] or slots
    phases = {slot.phase for slot in at_work}
    return next((phase for phase in _LIVELY_FIRST if phase in phases), Phase.STOPPING)


class LastEvent:
    """Makes the event object of the most recent event when it is asked for, once for each.

    A busy worker leaves ``(returned at, called at, status, when its message was accepted or
    None)``, and its mailbox when it accepted the latest, all times monotonic; whoever asks pays
    for the rest.
    """

    __slots__ = ("_core", "_made")

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self._made: tuple[object, MetricEvent] | None = None

    def get(self) -> MetricEvent | None:
        """Return the most recent event."""
        raw, made = self._newest(), self._made
        if raw is None:
            return None
        if made is not None and made[0] is raw:
            return made[1]
        event = self._make(raw)
        self._made = (raw, event)
        return event

    def _newest(self) -> tuple[Any, ...] | float | None:
        core, calls = self._core, self._core.last_calls()
        accepted, last = core.mailbox.accepted_at, calls[-1] if calls else core.last
        if not accepted:
            return last
        # An event that was published has put `accepted_at` back to 0; a call does not.
        handled_since = last is not None and not isinstance(last[0], type) and last[0] >= accepted
        return last if handled_since else accepted

    def _make(self, raw: tuple[Any, ...] | float) -> MetricEvent:
        if isinstance(raw, float):
            return DispatchEvent(self._core.name, to_epoch(self._core, raw), ok=True)
        if isinstance(raw[0], type):
            return make_event(raw)
        told = self._core.told
        if told is not None and told[0] == raw[0]:
            return make_event(told[1])  # the very one: made from other clocks it would differ
        return _handle_event(self._core.name, to_epoch(self._core, raw[0]), raw)


def _handle_event(
    name: str, when: float, raw: tuple[float, float, HandleStatus, float | None]
) -> HandleEvent:
    returned, called, result_status, accepted = raw
    return HandleEvent(
        name,
        when,
        result_status,
        returned - called,
        had_message=accepted is not None,
        waited=None if accepted is None else called - accepted,
    )


def to_epoch(core: WorkerCore, monotonic: float) -> float:
    """Turn a monotonic time into one since the epoch, by what both clocks say now."""
    return core.machine.time() - (core.machine.monotonic() - monotonic)


def snapshot(core: WorkerCore, last: MetricEvent | None) -> WorkerSnapshot:
    """Return everything known about the worker now."""
    run = core.run
    live = run if run is not None and not run.over else None
    calls = recent_calls(core)
    slots, pause = () if live is None else live.slots, core.pause
    return WorkerSnapshot(
        name=core.name,
        status=status(core).value,
        phase=phase(core).value,
        handler=core.calls.label,
        config=field_dict(core.config),
        time=core.machine.time(),
        started_at=core.started_at,
        stopped_at=None if live else core.stopped_at,
        stop_reason=None if live else core.stop_reason,
        starts=core.starts,
        handled=_handled(core, live),
        panics=core.panics,
        panic_attempts=_attempts(core, live),
        retry_at=_earliest(core, [slot.until for slot in slots]),
        last_error=core.last_error,
        last_error_at=core.last_error_at,
        mailbox_depth=len(core.mailbox.queue),
        mailbox_size=core.mailbox.size,
        senders_waiting=len(core.mailbox.senders),
        handling_since=_earliest(core, map(_called_at, slots)),
        stuck=any(slot.is_stuck for slot in slots) or run in core.means.watchdog.blocked,
        last_event=None if last is None else event_dict(last),
        paused_since=None if pause is None else pause.since,
        paused_by=None if pause is None else pause.by,
        slots=[_slot_dict(core, slot) for slot in slots],
        history=as_dicts(core.history),
        last_traceback=core.last_traceback,
        rate=rate(calls, core.machine.monotonic()),
        p95=p95(calls),
    )


def recent_calls(core: WorkerCore) -> list[RawCall]:
    """Return the last calls of `handle` that returned, the oldest first."""
    with core.lock:
        return [*unpacked(core.call_times), *core.last_calls()][-CALLS:]


def _slot_dict(core: WorkerCore, slot: Slot) -> dict[str, Any]:
    return {
        "number": slot.number,
        "phase": slot.phase.value,
        "handling_since": _earliest(core, [_called_at(slot)]),
        "starting_since": _earliest(core, [slot.since if slot.phase is STARTING else None]),
        "stuck": slot.is_stuck,
        "abandoned": slot.dismissed == ABANDONED,
    }


def _handled(core: WorkerCore, run: Run | None) -> int:
    with core.lock:
        return core.handled_before + (run.total_handled() if run and not run.over else 0)


def _attempts(core: WorkerCore, run: Run | None) -> int:
    if run is None:
        return 0
    with core.lock:
        budget = run.budget
        return 0 if budget is None else budget.attempts(core.machine.monotonic())


def _called_at(slot: Slot) -> float | None:
    return slot.since if slot.phase is HANDLING else None


def _earliest(core: WorkerCore, moments: Iterable[float | None]) -> float | None:
    known = [moment for moment in moments if moment is not None]
    return to_epoch(core, min(known)) if known else None
