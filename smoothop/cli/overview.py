"""The table of `smoothop ps`, from snapshots as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from smoothop.cli.spans import span
from smoothop.cli.terminal import clipped, table, width_of

HEADINGS: Final = (
    "NAME",
    "STATE",
    "RESTARTS",
    "UPTIME",
    "QUEUE",
    "RATE",
    "P95",
    "LAST-ERROR",
)
_SHORTEST_NAME: Final = 12
_SHORTEST_ERROR: Final = 20

Snapshot = Mapping[str, Any]
"""As by `WorkerSnapshot.to_dict`; what an older operator does not tell is missing."""


def overview(snapshots: Iterable[Snapshot], columns: int | None) -> list[str]:
    """Return the lines of the table.

    Args:
        snapshots: one for each row.
        columns: how wide a line may be; ``None``: as wide as it gets.
    """
    rows = [_row(known) for known in snapshots]
    if columns is not None:
        rows = _fitted(rows, columns)
    lines = table(HEADINGS, rows)
    return lines if columns is None else [clipped(line, columns) for line in lines]


def state(known: Snapshot) -> str:
    """Return what the worker does, in a word or two; what keeps it from working comes first."""
    given_up = abandoned(known)
    return f"{_doing(known)}, {given_up} abandoned" if given_up else _doing(known)


def _doing(known: Snapshot) -> str:
    if is_stuck(known):
        return "stuck"
    phase = str(known["phase"])
    if known.get("paused_since") is None:
        return phase
    return "paused" if phase == "idle" else f"{phase}, paused"


def is_stuck(known: Snapshot) -> bool:
    """Tell whether a call is stuck that keeps the worker from others: that was not replaced."""
    if not abandoned(known):
        return bool(known.get("stuck"))
    return any(slot["stuck"] and not slot["abandoned"] for slot in known["slots"])


def abandoned(known: Snapshot) -> int:
    """Return how many stuck calls were given up and replaced; their code still runs."""
    return sum(slot["abandoned"] for slot in known.get("slots") or ())


def restarts(known: Snapshot) -> int:
    """Return how often it has begun again: by a start after the first, or after a panic."""
    return max(0, int(known["starts"]) - 1) + int(known["panics"])


def uptime(known: Snapshot) -> float | None:
    """Return for how long it has run, in seconds; ``None`` if it does not."""
    if known["status"] != "running" or known["started_at"] is None:
        return None
    return max(0.0, float(known["time"] - known["started_at"]))


def _row(known: Snapshot) -> tuple[str, ...]:
    up, rate, p95 = uptime(known), known.get("rate"), known.get("p95")
    return (
        known["name"],
        state(known),
        str(restarts(known)),
        "-" if up is None else span(up),
        str(known["mailbox_depth"]),
        "-" if rate is None else f"{rate:.3g}/s" if rate < 1000 else f"{rate:.0f}/s",
        "-" if p95 is None else span(p95),
        (known["last_error"] or "-").partition("\n")[0],
    )


def _fitted(rows: list[tuple[str, ...]], columns: int) -> list[tuple[str, ...]]:
    """Shorten the last error, and then the names, as far as that makes the table fit."""
    widths = [max(map(width_of, column)) for column in zip(HEADINGS, *rows, strict=True)]
    others = sum(widths[1:-1]) + 2 * (len(HEADINGS) - 1)
    name = min(widths[0], max(_SHORTEST_NAME, columns - others - _SHORTEST_ERROR))
    error = max(_SHORTEST_ERROR, columns - others - name)
    return [(clipped(row[0], name), *row[1:-1], clipped(row[-1], error)) for row in rows]
