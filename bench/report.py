"""What came out of a run: as a table for people, as plain data for programs."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench.measuring import Figures
from bench.rows import UNITS, Row
from bench.running import SUBJECTS, WAYS, Task

DISTRIBUTIONS: Final = (
    "smoothop",
    "pykka",
    "mode-streaming",
    "dramatiq",
    "huey",
    "taskiq",
    "apscheduler",
)


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
        **{name: version_of(name) for name in DISTRIBUTIONS},
    }


def version_of(distribution: str) -> str:
    """Return the installed version, or say that it is not installed."""
    try:
        return version(distribution)
    except ImportError:
        return "not installed"


def read_cpu(text: str) -> str | None:
    """Return the processor's name that stands in the text of /proc/cpuinfo, if it does."""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    return (read_cpu(info.read_text()) if info.exists() else None) or platform.processor()


@dataclass(slots=True)
class Results:
    """All figures of one run, in seconds or bytes, by measurement, figure and subject."""

    samples: dict[tuple[Task, str], list[float]] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=machine)  # before the run loads it

    def add(self, task: Task, figures: Figures) -> None:
        for name, value in figures.items():
            self.samples.setdefault((task, name), []).append(value)

    def of(self, row: Row, subject: str, *, on_one_core: bool = False) -> list[float]:
        """Return the figures of a row and a subject, in the row's unit."""
        taken = self.samples.get((Task(subject, row.measure, on_one_core), row.figure), [])
        return [value * UNITS[row.unit] for value in taken]

    def median(self, row: Row, subject: str, *, on_one_core: bool = False) -> float | None:
        taken = self.of(row, subject, on_one_core=on_one_core)
        return statistics.median(taken) if taken else None


def lines_of(rows: Iterable[Row]) -> Iterator[tuple[Row, bool]]:
    """Give each row, and again where it is measured on one core as well."""
    for row in rows:
        yield row, False
        if row.pinned:
            yield row, True


def as_dict(rows: list[Row], results: Results, rounds: int) -> dict[str, Any]:
    """Return everything as plain data; figures in each row's unit."""
    return {
        "machine": results.machine,
        "rounds": rounds,
        "rows": [_row_dict(row, pinned, results) for row, pinned in lines_of(rows)],
    }


def _row_dict(row: Row, pinned: bool, results: Results) -> dict[str, Any]:
    medians = _medians(row, pinned, results)
    return {
        "title": row.title,
        "one_core": pinned,
        "unit": row.unit,
        "goals": dict(row.goals),
        "median": {who: round(value, 4) for who, value in medians.items()},
        "best": {
            who: round(_best(row, results.of(row, who, on_one_core=pinned)), 4) for who in medians
        },
        "ratio_to_thread": _ratios(medians, "thread"),
        "ratio_to_bare": _ratios(medians, "bare Python"),
    }


def _best(row: Row, values: list[float]) -> float:
    return max(values) if row.more_is_better else min(values)


def _medians(row: Row, pinned: bool, results: Results) -> dict[str, float]:
    found = ((who, results.median(row, who, on_one_core=pinned)) for who in SUBJECTS)
    return {who: value for who, value in found if value is not None}


def _ratios(medians: dict[str, float], base: str) -> dict[str, float] | None:
    if not medians.get(base):
        return None
    return {who: round(value / medians[base], 3) for who, value in medians.items()}


def as_table(rows: list[Row], results: Results, rounds: int) -> str:
    """Return a Markdown table, the machine above it."""
    who = [name for name in SUBJECTS if any(results.of(row, name) for row in rows)]
    head = [f"- {key}: {value}" for key, value in results.machine.items()]
    lines = [f"| {' | '.join(['', 'unit', *who, 'goal'])} |", "|---" * (len(who) + 3) + "|"]
    lines += [_line(row, pinned, results, who) for row, pinned in lines_of(rows)]
    return "\n".join([*head, "", f"medians of {rounds} interleaved rounds", "", *lines])


def _line(row: Row, pinned: bool, results: Results, who: list[str]) -> str:
    medians = _medians(row, pinned, results)
    title = f"{row.title}, on one core" if pinned else row.title
    cells = [_cell(row, name, medians.get(name), pinned) for name in who]
    sign = "at least" if row.more_is_better else "at most"
    goals = sorted(set(row.goals.values()))
    goal = f"{sign} {' / '.join(f'{value:,g}' for value in goals)}" if goals and not pinned else ""
    return f"| {' | '.join([title, row.unit, *cells, goal])} |"


def _cell(row: Row, subject: str, value: float | None, pinned: bool) -> str:
    if value is None:
        return ""
    goal = None if pinned or subject not in WAYS else row.goals.get(subject)
    missed = goal is not None and (value < goal if row.more_is_better else value > goal)
    return f"**{_short(value)}**" if missed else _short(value)


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
