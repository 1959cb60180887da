"""What it costs to look into a running operator, and what the workers notice of it.

    python -m bench.control [--quick]

Each operator is a process of its own; the client is this one. Rounds of all cases take turns.
The workers' pace is counted in calls of `handle` per second of processor time of their process,
what the control server uses included, so that other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from smoothop import Operator, done, none
from smoothop.control import Client, ControlServer

MANY = 1_000
WORKLOADS = ("idle", "busy", "many")
INTERVAL = 2.0
"""Seconds, as of `smoothop ps -w`."""
WATCHES = ("no server", "nobody asks", "ps -w")


def operate(workload: str, watch: str) -> None:
    """Run an operator; for each line on stdin, tell how far its workers and its clock are."""
    with Operator() as operator, ExitStack() as stack:
        for name, handler in _handlers(workload):
            operator.add_handler(name, handler)
        operator.start_all()
        if watch != "no server":
            stack.enter_context(ControlServer(operator, name=_name(workload, watch)))
        for _ in sys.stdin:
            handled = sum(worker.snapshot().handled for worker in operator.workers())
            print(json.dumps([handled, time.process_time()]), flush=True)


def _name(workload: str, watch: str) -> str:
    return f"{workload}-{watch.replace(' ', '-')}"


def _handlers(workload: str) -> Iterator[tuple[str, object]]:
    async def ticks(ctx):
        return none(0.1)

    if workload == "many":
        yield from ((f"worker-{number}", ticks) for number in range(MANY))
    elif workload == "busy":
        yield "worker-0", lambda ctx: done()
    else:
        yield "worker-0", lambda ctx: none(3600)


class Subject:
    """An operator in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], workload: str, watch: str) -> None:
        self.process = process
        self.workload, self.watch = workload, watch
        self.client = Client(_name(workload, watch))
        self.paces: list[float] = []
        self.cores: list[float] = []
        self.times: list[float] = []
        self._read()

    def measure_pace(self, seconds: float) -> None:
        """Take the pace of its workers while it is watched."""
        before, began = self._read(), time.monotonic()
        while (left := began + seconds - time.monotonic()) > 0:
            if self.watch == "ps -w":
                self.client.workers()
            time.sleep(min(INTERVAL, left))
        after, took = self._read(), time.monotonic() - began
        used = after[1] - before[1]
        self.paces.append((after[0] - before[0]) / used)
        self.cores.append(used / took)

    def measure_times(self, number: int) -> None:
        """Take how long an answer about one worker takes."""
        for _ in range(number):
            began = time.perf_counter()
            self.client.worker("worker-0")
            self.times.append(time.perf_counter() - began)

    def _read(self) -> list[float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@contextmanager
def subject(workload: str, watch: str) -> Iterator[Subject]:
    """Start an operator."""
    command = [sys.executable, "-m", "bench.control", "--operate", workload, watch]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Subject(process, workload, watch)
        process.kill()


def answers(rounds: int, number: int) -> None:
    """Print how long answers take."""
    print(f"GET /workers/NAME over the socket, {rounds} rounds of {number}, in ms")
    for workload in WORKLOADS:  # one after the other: a busy one takes a core
        with subject(workload, "nobody asks") as one:
            for _ in range(rounds):
                one.measure_times(number)
            times = sorted(one.times)
        p99 = times[int(len(times) * 0.99)]
        print(f"  {workload:6} p50 {statistics.median(times) * 1e3:6.2f}   p99 {p99 * 1e3:6.2f}")


def costs(rounds: int, seconds: float) -> None:
    """Print what the workers notice."""
    print(f"pace of the workers, medians of {rounds} rounds of {seconds:g} s, taking turns")
    for workload in ("busy", "many"):
        found: dict[str, list[Subject]] = {watch: [] for watch in WATCHES}
        for number in range(rounds):
            turn = number % len(WATCHES)
            for watch in WATCHES[turn:] + WATCHES[:turn]:
                with subject(workload, watch) as one:
                    one.measure_pace(seconds)
                    found[watch].append(one)
        base = statistics.median(one.paces[0] for one in found["no server"])
        for watch, subjects in found.items():
            pace = statistics.median(one.paces[0] for one in subjects)
            core = statistics.median(one.cores[0] for one in subjects)
            print(
                f"  {workload:5} {watch:17} {pace:12,.0f} calls per processor second "
                f"({pace / base - 1:+.1%}), {core:.3f} cores"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.control", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--operate", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.operate:
        operate(*asked.operate)
        return
    with tempfile.TemporaryDirectory(prefix="smoothop-") as directory:
        os.environ["XDG_RUNTIME_DIR"] = directory
        answers(3 if asked.quick else 7, 200)
        costs(3 if asked.quick else 9, 2.0 if asked.quick else 4.0)


if __name__ == "__main__":
    main()
