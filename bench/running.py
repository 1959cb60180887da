"""Taking measurements: each in a process of its own, all of them in turn, round after round."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.measuring import FULL, QUICK, Figures, Measure, Scale, one_core
from bench.rows import Row

SUBJECTS: Final = {
    "bare Python": "bench.subjects.bare",
    "bare asyncio": "bench.subjects.coroutines",
    "thread": "bench.subjects.threads",
    "pool": "bench.subjects.pool",
    "async": "bench.subjects.asynchronous",
    "process": "bench.subjects.processes",
    "pykka": "bench.subjects.actors",
    "mode": "bench.subjects.services",
    "dramatiq": "bench.subjects.dramatiq_stub",
    "huey": "bench.subjects.huey_memory",
    "taskiq": "bench.subjects.taskiq_memory",
    "APScheduler": "bench.subjects.apscheduler_memory",
}
"""Column -> the module that has its measurements."""

WAYS: Final = ("thread", "pool", "async", "process")
"""The columns that are smoothop, by its ways of running a handler."""

SCALES: Final = {"full": FULL, "quick": QUICK}
TIME_LIMIT: Final = 180.0
"""Seconds after which a measurement is given up; nothing that is measured takes a third of it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement of one subject.

    Attributes:
        subject: a key of `SUBJECTS`.
        measure: a key of that module's ``MEASURES``.
        on_one_core: whether all of it runs on one core.
    """

    subject: str
    measure: str
    on_one_core: bool = False


def measures_of(subject: str) -> dict[str, Measure]:
    """Return what a subject can be measured in."""
    found: dict[str, Measure] = importlib.import_module(SUBJECTS[subject]).MEASURES
    return found


def tasks(rows: Iterable[Row], subjects: Iterable[str]) -> Iterator[Task]:
    """Give what must be measured for these rows, each once."""
    pinned: dict[str, bool] = {}
    for row in rows:
        pinned[row.measure] = pinned.get(row.measure, False) or row.pinned
    for measure, on_one_core in pinned.items():
        for subject in subjects:
            if measure in measures_of(subject):
                yield Task(subject, measure)
                if on_one_core:
                    yield Task(subject, measure, on_one_core=True)


def take(task: Task, scale: Scale) -> Figures:
    """Take a measurement in this process."""
    measure = measures_of(task.subject)[task.measure]
    if task.on_one_core:
        with one_core():
            taken = measure(scale)
    else:
        taken = measure(scale)
    return {"time": taken} if isinstance(taken, float) else taken


def take_apart(task: Task, scale: str) -> Figures | None:
    """Take it in a process of its own; ``None``, and a word on stderr, when that fails."""
    command = [sys.executable, "-m", "bench", "--take", task.subject, task.measure]
    command += ["--scale", scale, *(["--one-core"] if task.on_one_core else [])]
    try:
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"{task}: {error}", file=sys.stderr)
        return None
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures
