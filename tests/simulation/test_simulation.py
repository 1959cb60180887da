"""Seeds of the simulator, shared out over the cores: see `simulation`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.sizes import Sized

TESTS = Path(__file__).parents[1]
TRACE = re.compile(r"^(\d+) ([0-9a-f]{64})$", re.MULTILINE)
BY_LINE = (10, 13, 31, 51)
"""Seeds that switch at lines of the engine: what it remembers of an earlier seed shows in these."""
BEFALLS = ("several slots", "config changed", "paused", "resumed", "stuck", "panic", "stopped")
WARNINGS = ("-W", "error", "-X", "utf8")


def processes(kind: str, seeds: int, first: int = 0) -> list[subprocess.Popen[str]]:
    """Start a process for each core, with its share of the seeds."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    share = -(-seeds // len(cores))
    starts = range(first, first + seeds, share)
    return [
        run_seeds(kind, start, min(start + share, first + seeds), core)
        for core, start in zip(cores, starts, strict=False)
    ]


def run_seeds(
    kind: str, first: int, last: int, core: int, **environment: str
) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, *WARNINGS, "-m", "simulation", kind, str(first), str(last), str(core)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(started: list[subprocess.Popen[str]]) -> list[str]:
    """Wait for the processes; fail with what they say if a seed failed."""
    said = [process.communicate()[0] for process in started]
    failed = [text for process, text in zip(started, said, strict=True) if process.returncode]
    assert not failed, "\n".join(failed)
    return said


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tenth", range(10))
def test_histories_drawn_from_seeds_keep_every_promise(tenth: int, sized: Sized) -> None:
    seeds = sized(ci=1_000, soak=100_000)
    outputs(processes("histories", seeds, first=tenth * seeds))


@pytest.mark.timeout(300)
def test_the_histories_have_workers_of_every_way_that_meet_everything() -> None:
    workers = "".join(outputs(processes("ways", 200))).splitlines()
    met = {
        (way, what): sum(line.startswith(f"{way} [") and repr(what) in line for line in workers)
        for way in ("thread", "pool", "loop")
        for what in BEFALLS
    }
    assert {who: times for who, times in met.items() if times < 4} == {}


@pytest.mark.timeout(300)
def test_two_colliding_calls_end_as_some_order_of_them_would(sized: Sized) -> None:
    outputs(processes("pairs", sized(ci=2_000, soak=200_000)))


@pytest.mark.timeout(300)
def test_jumps_of_the_wall_clock_change_nothing(sized: Sized) -> None:
    outputs(processes("walls", sized(ci=1_000, soak=100_000)))


@pytest.mark.timeout(300)
def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    shares = [(0, 100), (99, -1), *((seed, seed + 1) for seed in BY_LINE)]
    said = outputs(
        [
            run_seeds(
                "histories",
                *share,
                cores[number % len(cores)],
                SMOOTHOP_TRACES="1",
                PYTHONHASHSEED=str(number),
            )
            for number, share in enumerate(shares)
        ]
    )
    forth, back, *alone = [dict(TRACE.findall(text)) for text in said]
    assert len(forth) == 100
    assert forth == back
    assert alone == [{str(seed): forth[str(seed)]} for seed in BY_LINE]
