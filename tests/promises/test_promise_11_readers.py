"""Promise 11: a slow or dead reader of metrics never delays a handler.

In each CI run by counting: the worker comes as far as it likes while its readers stand still, and
writing an event waits for nobody. By the clock (p99 within 5 %) in the long run.
"""

import statistics
import threading
import time

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Config, Operator, done, none

CALLS = 20_000


def counting(way, calls, finished):
    counted = []

    async def handle(ctx):
        counted.append(1)
        if len(counted) < calls:
            return done()
        finished.open()
        return none(3600)

    return way.handler(handle)


@pytest.mark.parametrize("owner", ["worker", "operator"])
def test_the_worker_goes_on_while_nobody_reads(way, owner):
    finished = Gate()
    with way.operator() as op:
        worker = op.add_handler("w", counting(way, CALLS, finished))
        stream = (worker if owner == "worker" else op).metrics(maxsize=10, kinds=["handle"])
        op.start("w")
        finished.wait()
        op.stop("w").result(DEADLINE)
    assert stream.dropped == CALLS - 10
    assert len(list(stream)) == 10


def test_the_worker_goes_on_while_a_reader_hangs_with_an_event_in_its_hand(way):
    finished, has_one, let_go = Gate(), Gate(), Gate()

    def read():
        for _ in stream:
            has_one.open()
            let_go.wait()
            break

    with way.operator() as op:
        worker = op.add_handler("w", counting(way, CALLS, finished))
        stream = worker.metrics(maxsize=10, kinds=["lifecycle", "handle"])
        reader = threading.Thread(target=read)
        reader.start()
        op.start("w")
        has_one.wait()
        finished.wait()
        let_go.open()
        reader.join(DEADLINE)
    assert stream.dropped > 0


def test_writing_an_event_waits_for_nobody_not_even_for_many_waiting_readers(way):
    finished, got = Gate(), []
    with way.operator() as op:
        worker = op.add_handler("w", counting(way, 100, finished))
        streams = [worker.metrics(kinds=["panic"]) for _ in range(20)]
        readers = [
            threading.Thread(target=lambda stream=stream: got.append(stream.get()))
            for stream in streams
        ]
        for reader in readers:
            reader.start()
        op.start("w")
        finished.wait()
        assert got == []
        op.stop("w").result(DEADLINE)
        for reader in readers:
            reader.join(DEADLINE)
    assert got == [None] * 20


@pytest.mark.soak
def test_the_99th_percentile_of_a_handler_stays_within_5_percent():
    """Rounds with a reader that reads and with one that is dead, by turns; their medians."""
    reading, dead = [], []
    for _ in range(20):
        reading.append(_p99(read=True))
        dead.append(_p99(read=False))
    assert statistics.median(dead) <= statistics.median(reading) * 1.05


def _p99(*, read):
    pauses, last = [], [time.perf_counter()]
    finished = Gate()

    def handle(ctx):
        now = time.perf_counter()
        pauses.append(now - last[0])
        last[0] = now
        if len(pauses) < 50_000:
            return done()
        finished.open()
        return none(3600)

    with Operator() as op:
        worker = op.add_handler("w", handle, Config())
        stream = worker.metrics(maxsize=1024)
        reader = threading.Thread(target=lambda: [None for _ in stream] if read else None)
        reader.start()
        op.start("w")
        finished.wait()
    reader.join(DEADLINE)
    return statistics.quantiles(pauses, n=100)[98]
