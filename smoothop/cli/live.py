"""What `smoothop inspect` shows of a worker that lives: why it does what it does, on one screen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from smoothop.cli.overview import Snapshot, is_stuck, restarts, uptime
from smoothop.cli.spans import span
from smoothop.engine.texts import last_line

_LABEL: Final = 13
_HISTORY: Final = 8
_TRACEBACK: Final = 12
_IN_USER_CODE: Final = ("starting", "handling", "stopping")
_SLOT: Final = re.compile(r"^slot (\d+):\n", re.MULTILINE)

Live = Mapping[str, Any]
"""``snapshot``, ``stack``, ``config_origins``, ``handler`` of the worker, and ``operator``."""


def live_lines(live: Live) -> Iterator[str]:
    """Return the lines about a live worker; the first says what it does, or why it does nothing."""
    known, operator = live["snapshot"], live["operator"]
    yield _fact("now", verdict(known))
    yield _fact("operator", f"{operator['name']}, process {operator['pid']}")
    if known["phase"] in _IN_USER_CODE and live["stack"]:
        yield _fact("stands at", last_line(_stack(live["stack"], known)))
    yield from _slots(known, live["stack"] or "")
    yield _fact("mailbox", _mailbox(known))
    yield _fact("panics", _panics(known))
    yield _fact("calls", _calls(known))
    yield from _error(known)
    yield from _history(known)
    yield from _config(known["config"], live["config_origins"])


def verdict(known: Snapshot) -> str:
    """Return in a sentence what the worker does, and what ends it if it does nothing."""
    if known.get("paused_since") is not None and known["status"] == "running":
        by = f" by {known['paused_by']}" if known.get("paused_by") else ""
        return (
            f"paused for {_since(known, 'paused_since')}{by}: "
            f"'smoothop resume {known['name']}' lets it go on"
        )
    return _BY_PHASE[known["phase"]](known)


def _stopped(known: Snapshot) -> str:
    if known["stopped_at"] is None:
        return "not started yet"
    return f"stopped {_since(known, 'stopped_at')} ago: {known['stop_reason']}"


def _failed(known: Snapshot) -> str:
    ago = "" if known["stopped_at"] is None else f" {_since(known, 'stopped_at')} ago"
    return (
        f"failed{ago}: {known['stop_reason'] or 'it could not be started'}; "
        f"'smoothop start {known['name']}' begins anew"
    )


def _handling(known: Snapshot) -> str:
    if known["handling_since"] is None:  # it has just returned
        return "running"
    how = "stuck in handle" if is_stuck(known) else "in handle"
    since = [slot["handling_since"] for slot in _busy(known)] or [known["handling_since"]]
    return f"{how} for {span(max(0.0, known['time'] - min(since)))}"


def _starting(known: Snapshot) -> str:
    since = [began for slot in known.get("slots") or () if (began := _begun(slot)) is not None]
    # One without: its code has not begun, or an older operator does not tell.
    return f"starting for {span(max(0.0, known['time'] - min(since)))}" if since else "starting"


def _backoff(known: Snapshot) -> str:
    limit = known["config"].get("max_panic_attempts") or 0
    of = f" of {limit}" if limit else ""
    why = f"panic {known['panic_attempts']}{of}" if known["panic_attempts"] else "a failure"
    return f"backing off after {why}; goes on {_in(known)}"


def _idle(known: Snapshot) -> str:
    if known["config"].get("message_only") or known["retry_at"] is None:
        return "waiting for a message"
    return f"nothing to do; looks again {_in(known)}, or when a message comes"


_BY_PHASE: Final[dict[str, Callable[[Snapshot], str]]] = {
    "stopped": _stopped,
    "failed": _failed,
    "handling": _handling,
    "backoff": _backoff,
    "idle": _idle,
    "starting": _starting,
    "stopping": lambda _: "stopping: it was asked to, and has not left its handler yet",
}


def _since(known: Snapshot, field: str) -> str:
    return span(max(0.0, known["time"] - known[field]))


def _in(known: Snapshot) -> str:
    if known["retry_at"] is None:
        return "soon"
    left = known["retry_at"] - known["time"]
    return f"in {span(left)}" if left > 0 else "now"


def _slots(known: Snapshot, stacks: str) -> Iterator[str]:
    slots = known.get("slots") or ()
    for slot in slots if len(slots) > 1 else ():
        since = _begun(slot)
        words = [slot["phase"], *([] if since is None else [f"for {span(known['time'] - since)}"])]
        words += ["stuck"] if slot["stuck"] else []
        if slot["abandoned"]:
            where = last_line(_by_slot(stacks).get(slot["number"], "a line that is not known"))
            words += [f"and abandoned: replaced, but its code still runs, at {where}"]
        yield _fact(f"slot {slot['number']}", " ".join(words))


def _begun(slot: Mapping[str, Any]) -> float | None:
    """Return when the call of `setup` or `handle` began that the slot is in, if that is told."""
    begun: float | None = slot["handling_since"] or slot.get("starting_since")
    return begun


def _busy(known: Snapshot) -> list[Mapping[str, Any]]:
    """Return the slots whose calls are the worker's work now: those that were given up are not."""
    slots = known.get("slots") or ()
    return [slot for slot in slots if slot["handling_since"] is not None and not slot["abandoned"]]


def _stack(stacks: str, known: Snapshot) -> str:
    """Return the stack of the slot that the verdict speaks of: that of the longest call."""
    busy = _busy(known)
    if not busy:
        return stacks
    number = min(busy, key=lambda slot: slot["handling_since"])["number"]
    return _by_slot(stacks).get(number, stacks)


def _by_slot(stacks: str) -> dict[int, str]:
    parts = _SLOT.split(stacks)  # what is before the first, then number and stack of each
    return dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))


def _mailbox(known: Snapshot) -> str:
    waiting = known["senders_waiting"]
    more = f"; {waiting} senders wait for room" if waiting else ""
    return f"{known['mailbox_depth']} of {known['mailbox_size']} messages wait{more}"


def _panics(known: Snapshot) -> str:
    limit = known["config"].get("max_panic_attempts") or 0
    if limit and known["status"] == "running":
        return f"{known['panics']}, {known['panic_attempts']} of {limit} count now"
    return f"{known['panics']}, {f'limit {limit}' if limit else 'no limit'}"


def _calls(known: Snapshot) -> str:
    up, rate, p95 = uptime(known), known.get("rate"), known.get("p95")
    parts = [f"{known['handled']} handled", f"{restarts(known)} restarts"]
    parts += [] if up is None else [f"up for {span(up)}"]
    parts += [] if rate is None else [f"{rate:.3g} per second"]
    parts += [] if p95 is None else [f"95 % within {span(p95)}"]
    return ", ".join(parts)


def _error(known: Snapshot) -> Iterator[str]:
    if known["last_error"] is None:
        return
    yield _fact("last error", f"{known['last_error']} ({_since(known, 'last_error_at')} ago)")
    trace = (known.get("last_traceback") or "").rstrip().splitlines()
    if len(trace) > _TRACEBACK:
        yield f"  ... {len(trace) - _TRACEBACK} more above, all in --json"
    yield from (f"  {line}" for line in trace[-_TRACEBACK:])


def _history(known: Snapshot) -> Iterator[str]:
    history = known.get("history") or ()
    if history:
        yield "history:"
    for entry in history[-_HISTORY:]:
        stamp = time.strftime("%H:%M:%S", time.localtime(entry["time"]))
        detail = f": {entry['detail']}" if entry.get("detail") else ""
        yield f"  {stamp}  {entry['event']}{detail}"


def _config(config: Mapping[str, Any], origins: Mapping[str, str] | None) -> Iterator[str]:
    """Return the values that somebody has given; the others are the defaults."""
    given = {key: origin for key, origin in (origins or {}).items() if origin != "default"}
    if given:
        yield "config in force, besides defaults:"
    for key, origin in given.items():
        yield f"  {key} = {config[key]}  # {origin}"


def _fact(label: str, value: str | None) -> str:
    first, *rest = (value or "-").splitlines() or ["-"]
    return "\n".join([f"{label + ':':{_LABEL}} {first}", *(f"{'':{_LABEL}} {one}" for one in rest)])
