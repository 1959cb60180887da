"""The rows: what is measured, and what smoothop may take for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

UNITS: Final = {
    "ns": 1e9,
    "us": 1e6,
    "ms": 1e3,
    "s": 1.0,
    "bytes": 1.0,
    "%": 100.0,
    "times": 1.0,
    "/s": 1.0,
}
"""Unit -> by what a figure is multiplied to be in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        title: what was measured.
        measure: what the subjects call the measurement.
        unit: a key of `UNITS`.
        figure: which of its figures, if it gives several.
        goals: way of running -> the most that it may take on a quiet machine, in `unit`.
        more_is_better: whether a goal is the least instead.
        pinned: whether it is measured on one core, too.
    """

    title: str
    measure: str
    unit: str
    figure: str = "time"
    goals: Mapping[str, float] = field(default_factory=dict)
    more_is_better: bool = False
    pinned: bool = False


def _both(goal: float) -> dict[str, float]:
    return {"thread": goal, "pool": goal}


def _many(goal: float) -> dict[str, float]:
    return {"pool": goal, "async": goal}


ROWS: Final = (
    Row("one handle of a busy worker, nobody listens", "handle", "ns", goals=_both(400)),
    Row("the same with a metric stream nobody reads", "stream unread", "ns", goals=_both(1000)),
    Row("the same with one that a thread reads", "stream read", "ns"),
    Row("one message one way, mailbox of 1,024", "message", "ns", goals=_both(1500), pinned=True),
    Row("round trip of a message", "round trip", "us", pinned=True),
    Row("wake of an idle worker, p50", "wake", "us", pinned=True),
    Row("10,000 idle workers: start", "fewer idle", "s", "start"),
    Row("10,000 idle workers: stop all", "fewer idle", "s", "stop"),
    Row("10,000 idle workers: memory of one", "fewer idle", "bytes", "memory"),
    Row("100,000 idle workers: add", "idle", "s", "add"),
    Row("100,000 idle workers: start", "idle", "s", "start", _many(0.5)),
    Row("100,000 idle workers: stop all", "idle", "s", "stop", _many(0.7)),
    Row(
        "100,000 idle workers: memory of one",
        "idle",
        "bytes",
        "memory",
        {"pool": 3072, "async": 4096},
    ),
    Row("100,000 idle workers, nothing due: of a core", "idle", "%", "core", _many(1)),
    Row("10,000 that tick every 100 ms: of a core", "ticks", "%", "core", _many(60)),
    Row("10,000 that tick every 100 ms: p99 late", "ticks", "ms", "late", _many(20)),
    Row("10,000 that tick every 100 ms: ticks", "ticks", "/s", "rate"),
    Row("1,000 that block 50 ms once, 256 threads", "blocking", "ms", goals={"pool": 250}),
    Row(
        "CPU-bound work, two beside one",
        "two cores",
        "times",
        "speedup",
        {"process": 1.8},
        more_is_better=True,
    ),
    Row("round trip of 1 KB to another process", "process trip", "us"),
)
