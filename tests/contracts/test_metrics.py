"""Streams, events and the last event (API, section 5)."""

import asyncio
import math
import threading
import time

import pytest
from support.gates import DEADLINE, Gate

from smoothop import (
    Config,
    DispatchEvent,
    DispatchTimeoutError,
    HandleEvent,
    HandleStatus,
    LifecycleEvent,
    PanicEvent,
    done,
    fail,
    none,
)

ONLY = Config(message_only=True, panic_backoff=0.001)


@pytest.fixture
def worker(op, way):
    """Give a message-only worker that does what its messages say."""

    async def handle(ctx):
        return ctx.message()

    return op.add_handler("w", way.handler(handle), ONLY)


def panic():
    raise ValueError("no such table")


def test_every_event_of_a_life_is_streamed_in_order(op, worker):
    stream = worker.metrics()
    before = time.time()
    op.start("w")
    for message in (lambda: done(7), lambda: fail("broken"), panic, lambda: none(0.001)):
        op.dispatch("w", message)
    op.dispatch("w", done).result(DEADLINE)
    op.stop("w").result(DEADLINE)
    events = list(stream)
    assert all(event.worker == "w" for event in events)
    assert all(before <= event.time <= time.time() for event in events)
    # Messages are accepted and handled side by side: their order is that of each kind.
    assert [event.kind for event in events if event.kind != "dispatch"] == [
        *("lifecycle", "handle", "handle", "panic", "handle", "handle", "lifecycle"),
    ]
    first, *_, last = (event for event in events if type(event) is LifecycleEvent)
    assert (first.event, first.reason) == ("started", None)
    assert (last.event, last.reason) == ("stopped", "requested")
    handles = [event for event in events if type(event) is HandleEvent]
    assert [(event.status, event.had_message, event.error) for event in handles] == [
        (HandleStatus.DONE, True, None),
        (HandleStatus.FAIL, True, "broken"),
        (HandleStatus.NONE, True, None),
        (HandleStatus.DONE, True, None),
    ]
    assert all(0 <= event.duration < DEADLINE for event in handles)
    (panicked,) = (event for event in events if type(event) is PanicEvent)
    assert (panicked.attempt, panicked.error) == (1, "ValueError: no such table")
    assert [(event.ok, event.error) for event in events if type(event) is DispatchEvent] == [
        (True, None)
    ] * 5


def test_what_is_done_after_a_start_is_told_after_it(op, worker):
    for _ in range(3):
        stream = worker.metrics()
        op.start("w")
        assert worker.last_metric().event == "started"
        assert worker.snapshot().history[-1]["event"] == "started"
        op.dispatch("w", done).result(DEADLINE)
        op.stop("w").result(DEADLINE)
        first, *_, last = stream
        assert (first.kind, first.event, last.event) == ("lifecycle", "started", "stopped")


def test_a_refused_dispatch_is_an_event(op, way):
    async def handle(ctx):
        return done()

    worker = op.add_handler("w", way.handler(handle), Config(message_only=True, mailbox_size=1))
    stream = worker.metrics(kinds=["dispatch"])
    op.dispatch("w", 1)
    with pytest.raises(DispatchTimeoutError):
        op.dispatch("w", 2, timeout=0)
    accepted, refused = stream.get(DEADLINE), stream.get(DEADLINE)
    assert (accepted.ok, refused.ok) == (True, False)
    assert refused.error.startswith("dispatch timeout")
    assert worker.last_metric() == refused


def test_a_call_without_a_message_says_so(op, way):
    async def handle(ctx):
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    stream = worker.metrics(kinds=["handle"])
    op.start("w")
    assert stream.get(DEADLINE).had_message is False


def test_each_call_gives_a_stream_of_its_own_from_now_on(op, worker):
    early = worker.metrics(kinds=["handle"])
    op.start("w")
    op.dispatch("w", done).result(DEADLINE)
    late = worker.metrics(kinds=["handle"])
    op.dispatch("w", none).result(DEADLINE)
    op.stop("w").result(DEADLINE)
    assert [event.status for event in early] == ["done", "none"]
    assert [event.status for event in late] == ["none"]


def test_a_stream_ends_when_the_worker_stops_and_a_new_one_goes_on(op, worker):
    first = worker.metrics(kinds=["lifecycle"])
    op.start("w")
    op.stop("w").result(DEADLINE)
    second = worker.metrics(kinds=["lifecycle"])
    op.start("w")
    op.stop("w").result(DEADLINE)
    for stream in (first, second):
        assert [event.event for event in stream] == ["started", "stopped"]
        assert stream.get(0) is None


def test_a_reader_that_is_waiting_is_told_of_the_end(op, worker):
    stream = worker.metrics(kinds=["panic"])
    op.start("w")
    read = []
    reader = threading.Thread(target=lambda: read.extend(stream))
    reader.start()
    op.stop("w").result(DEADLINE)
    reader.join(DEADLINE)
    assert not reader.is_alive()
    assert read == []


def test_an_operators_stream_has_the_events_of_all_workers_and_ends_at_close(way):
    async def handle(ctx):
        await ctx.wait()
        return done()

    with way.operator() as op:
        op.add_handler("early", way.handler(handle))
        stream = op.metrics()
        op.add_handler("late", way.handler(handle))
        op.start_all()
        op.stop_all().result(DEADLINE)
        op.start("late")
    events = [(e.worker, e.event) for e in stream if e.kind == "lifecycle"]
    assert sorted(events) == [
        *(("early", "started"), ("early", "stopped")),
        *(("late", "started"), ("late", "started"), ("late", "stopped"), ("late", "stopped")),
    ]


def test_an_operators_stream_can_follow_one_worker_over_its_restarts_and_removal(op, worker, way):
    stream = op.metrics(worker="w", kinds=("lifecycle",))

    async def other(ctx):
        return none(0.001)

    op.add_handler("other", way.handler(other))
    op.start_all()
    op.stop_all().result(DEADLINE)
    op.remove_handler("w").result(DEADLINE)
    op.add_handler("w", way.handler(other))
    op.start_all()
    op.close()
    told = list(stream)
    assert {event.worker for event in told} == {"w"}
    assert [event.event for event in told] == ["started", "stopped"] * 2


def test_a_full_stream_drops_the_oldest_and_counts(op, worker):
    stream = worker.metrics(maxsize=3)
    for number in range(10):
        op.dispatch("w", number)
    assert stream.dropped == 7
    whole = worker.metrics(maxsize=1)
    op.dispatch("w", 10)
    assert (stream.dropped, whole.dropped) == (8, 0)
    assert [stream.get(0).kind for _ in range(3)] == ["dispatch"] * 3
    with pytest.raises(TimeoutError):
        stream.get(0)


def test_get_waits_at_most_that_long(worker):
    stream = worker.metrics()
    with pytest.raises(TimeoutError):
        stream.get(timeout=0.01)
    with pytest.raises(TimeoutError):
        stream.get(0)


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, "2s"])
def test_a_timeout_that_is_no_duration_is_refused(worker, timeout):
    with pytest.raises(ValueError, match=r"\Atimeout: "):
        worker.metrics().get(timeout)


@pytest.mark.parametrize("maxsize", [0, -1, 1.5, None, True, "3"])
def test_a_maxsize_that_is_no_size_is_refused(op, worker, maxsize):
    for metrics in (worker.metrics, op.metrics):
        with pytest.raises(ValueError, match=r"\Amaxsize: "):
            metrics(maxsize=maxsize)


def test_an_unknown_kind_is_refused(worker):
    with pytest.raises(ValueError, match=r"\Akinds: \['panics'\] are none of handle, panic"):
        worker.metrics(kinds=["panic", "panics"])


def test_a_stream_can_be_read_with_async_for(op, worker):
    stream = worker.metrics(kinds=["handle", "lifecycle"])

    async def read():
        reading = asyncio.ensure_future(collect())
        op.start("w")
        await (await op.dispatch_async("w", done))
        await op.stop("w")
        return await asyncio.wait_for(reading, DEADLINE)

    async def collect():
        return [event.kind async for event in stream]

    assert asyncio.run(read()) == ["lifecycle", "handle", "lifecycle"]


def test_a_closed_stream_gives_what_is_left_and_then_ends(op, worker):
    with worker.metrics() as stream:
        op.dispatch("w", 1)
    op.dispatch("w", 2)
    assert [event.kind for event in stream] == ["dispatch"]


# -- the last event


def test_the_last_event_is_kept_without_any_stream(op, worker):
    assert worker.last_metric() is None
    op.dispatch("w", done)
    assert type(worker.last_metric()) is DispatchEvent
    op.start("w")
    op.dispatch("w", lambda: fail("broken")).wait_delivered(DEADLINE)
    op.stop("w").result(DEADLINE)
    last = worker.last_metric()
    assert (type(last), last.event, last.reason) == (LifecycleEvent, "stopped", "requested")
    assert worker.last_metric() is last
    assert worker.snapshot().last_event == {
        "kind": "lifecycle",
        "worker": "w",
        "time": last.time,
        "event": "stopped",
        "reason": "requested",
    }


def test_the_last_event_is_the_one_that_a_stream_gives(op, way):
    async def handle(ctx):
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    stream = worker.metrics(kinds=["handle"])
    op.start("w")
    assert stream.get(DEADLINE) == worker.last_metric()


def test_the_last_event_of_a_handle_nobody_listened_to_is_made_when_asked_for(op, way):
    seen, looked = [], Gate()
    before = time.time()

    async def handle(ctx):
        seen.append(worker.last_metric())
        if len(seen) < 3:
            return done()
        looked.open()
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    op.start("w")
    looked.wait()
    started, first, second = seen
    assert type(started) is LifecycleEvent
    for event in (first, second):
        assert type(event) is HandleEvent
        assert (event.worker, event.status, event.error) == ("w", "done", None)
        assert event.had_message is False
        assert before - 0.1 <= event.time <= time.time() + 0.1
        assert 0 <= event.duration < DEADLINE


def test_an_error_is_kept_as_text_only(op, worker):
    stream = worker.metrics(kinds=["handle", "panic"])
    op.start("w")
    op.dispatch("w", panic)
    op.dispatch("w", lambda: fail(ValueError("x")))
    assert stream.get(DEADLINE).error == "ValueError: no such table"
    assert stream.get(DEADLINE).error == "x"
