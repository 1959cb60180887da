"""What came out of a run: as a table for people, as plain data for programs."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from measuring import Scale

SUBJECTS: Final = ("bare", "smoothop", "pykka")
UNITS: Final = {"ns": 1e9, "us": 1e6}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: what the subjects call it.
        title: what was measured.
        unit: a key of `UNITS`.
        goal: the most that smoothop may take on a machine without other load, in `unit`.
    """

    name: str
    title: str
    unit: str
    goal: float | None = None


@dataclass(slots=True)
class Results:
    """All measurements of one run, in seconds, by row and subject."""

    samples: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, row: str, subject: str, seconds: float) -> None:
        self.samples.setdefault((row, subject), []).append(seconds)

    def median(self, row: str, subject: str) -> float | None:
        return self._of(statistics.median, row, subject)

    def best(self, row: str, subject: str) -> float | None:
        return self._of(min, row, subject)

    def ratio(self, row: str, subject: str, base: str) -> float | None:
        """Return how many times as long `subject` takes as `base`, by their medians."""
        mine, theirs = self.median(row, subject), self.median(row, base)
        return None if mine is None or theirs is None else mine / theirs

    def _of(self, pick: Callable[[list[float]], float], row: str, subject: str) -> float | None:
        taken = self.samples.get((row, subject))
        return None if taken is None else pick(taken)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "switch_interval": sys.getswitchinterval(),
        "smoothop": version_of("smoothop"),
        "pykka": version_of("pykka"),
    }


def version_of(distribution: str) -> str:
    """Return the installed version, or say that it is not installed."""
    try:
        return version(distribution)
    except ImportError:
        return "not installed"


def as_dict(rows: list[Row], results: Results, scale: Scale) -> dict[str, Any]:
    """Return everything as plain data; times in each row's unit."""
    return {
        "machine": machine(),
        "rounds": scale.rounds,
        "clock": scale.clock.__name__,
        "rows": [_row_dict(row, results) for row in rows],
    }


def _row_dict(row: Row, results: Results) -> dict[str, Any]:
    scale = UNITS[row.unit]
    return {
        "name": row.name,
        "title": row.title,
        "unit": row.unit,
        "goal": row.goal,
        "median": {who: _scaled(results.median(row.name, who), scale) for who in SUBJECTS},
        "best": {who: _scaled(results.best(row.name, who), scale) for who in SUBJECTS},
        "to_bare": _scaled(results.ratio(row.name, "smoothop", "bare"), 1),
        "to_pykka": _scaled(results.ratio(row.name, "smoothop", "pykka"), 1),
    }


def as_table(rows: list[Row], results: Results, scale: Scale) -> str:
    """Return the table, with the machine above it."""
    lines = [f"{key:16}{value}" for key, value in machine().items()]
    lines.append(f"{'clock':16}{scale.clock.__name__}")
    lines += ["", f"medians of {scale.rounds} interleaved rounds; best of them in brackets", ""]
    lines.append(
        f"{'':44}{'unit':>5}{'bare':>17}{'smoothop':>17}{'pykka':>17}"
        f"{'/ bare':>8}{'/ pykka':>9}{'goal':>7}"
    )
    return "\n".join([*lines, *(_line(row, results) for row in rows)])


def _line(row: Row, results: Results) -> str:
    scale = UNITS[row.unit]
    cells = (
        _cell(results.median(row.name, who), results.best(row.name, who), scale) for who in SUBJECTS
    )
    to_bare = _ratio(results.ratio(row.name, "smoothop", "bare"))
    to_pykka = _ratio(results.ratio(row.name, "smoothop", "pykka"))
    goal = "" if row.goal is None else f"{row.goal:g}"
    return f"{row.title:44}{row.unit:>5}{''.join(cells)}{to_bare:>8}{to_pykka:>9}{goal:>7}"


def _cell(median: float | None, best: float | None, scale: float) -> str:
    if median is None or best is None:
        return f"{'-':>17}"
    return f"{_short(median * scale)} ({_short(best * scale)})".rjust(17)


def _short(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else round(value * scale, 3)


def read_cpu(text: str) -> str | None:
    """Return the processor's name that stands in the text of /proc/cpuinfo, if it does."""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    return (read_cpu(info.read_text()) if info.exists() else None) or platform.processor()
