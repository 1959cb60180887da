"""APScheduler with its job store in memory: jobs at times, on a pool of threads."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bench.measuring import Figures, Measure, Scale, Ticks, resident
from bench.subjects.ways import BLOCKED_FOR, CROWD, HOUR, Countdown

logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # it warns of each job that is late


def _scheduler(threads: int) -> BackgroundScheduler:
    return BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(threads)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        timezone="UTC",
    )


def _nothing() -> None:
    pass


def fewer_idle(scale: Scale) -> Figures:
    """Measure jobs that are due in an hour."""
    scheduler = _scheduler(10)
    before = resident()
    for _ in range(scale.fewer_idle):
        scheduler.add_job(_nothing, "interval", seconds=HOUR)
    began = time.perf_counter()
    scheduler.start()
    started = time.perf_counter()
    memory = (resident() - before) / scale.fewer_idle
    stop = time.perf_counter()
    scheduler.remove_all_jobs()
    scheduler.shutdown(wait=True)
    return {"start": started - began, "stop": time.perf_counter() - stop, "memory": memory}


def ticks(scale: Scale) -> Figures:
    seen, scheduler = Ticks(), _scheduler(10)
    base = datetime.now(UTC) + timedelta(seconds=20)
    first = time.monotonic() + 20

    def ticker(due: float) -> None:
        # By the plan, not by the clock of the last tick: a tick that was left out is late.
        seen.came(due + Ticks.every * max(0, int((time.monotonic() - due) / Ticks.every)))

    for number in range(scale.ticking):
        offset = Ticks.every * number / scale.ticking
        scheduler.add_job(
            ticker,
            "interval",
            seconds=Ticks.every,
            start_date=base + timedelta(seconds=offset),
            args=(first + offset,),
        )
    scheduler.start()
    time.sleep(max(0.0, first - time.monotonic()))
    figures = seen.figures(scale)
    scheduler.shutdown(wait=False)
    return figures


def blocking(_: Scale) -> float:
    scheduler, finished = _scheduler(256), Countdown(CROWD)

    def block() -> None:
        time.sleep(BLOCKED_FOR)
        finished()

    for _ in range(CROWD):
        scheduler.add_job(block)
    began = time.perf_counter()
    scheduler.start()
    finished.wait()
    taken = time.perf_counter() - began
    scheduler.shutdown()
    return taken


MEASURES: Final[dict[str, Measure]] = {
    "fewer idle": fewer_idle,
    "ticks": ticks,
    "blocking": blocking,
}
