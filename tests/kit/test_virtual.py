"""`VirtualOperator`: hours in milliseconds, by the production engine."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from smoothop import (
    Config,
    HandleEvent,
    OperatorClosedError,
    PanicEvent,
    SmoothopError,
    StopTimeoutError,
    done,
    fail,
    none,
)
from smoothop.testing import NotReachedError, RecordedEvents, Stalled, VirtualOperator

HOUR = 3600


@pytest.fixture
def operator():
    with VirtualOperator() as made:
        yield made


class Poller:
    """Notes when it was called."""

    def __init__(self, operator, idle):
        self.operator, self.idle, self.calls = operator, idle, []

    def handle(self, ctx):
        self.calls.append(self.operator.elapsed)
        return none(self.idle)


class AsyncPoller(Poller):
    async def handle(self, ctx):
        return Poller.handle(self, ctx)


@pytest.mark.parametrize("kind", [Poller, AsyncPoller])
def test_what_is_due_when_time_is_up_has_been_done_to_the_exact_second(operator, kind):
    poller = kind(operator, HOUR)
    operator.add_handler("poller", poller)
    operator.start_all()
    operator.advance(2 * HOUR)
    assert poller.calls == [0, HOUR, 2 * HOUR]
    assert operator.elapsed == 2 * HOUR


def test_many_small_advances_add_up_to_a_large_one(operator):
    poller = Poller(operator, 60)
    operator.add_handler("poller", poller)
    operator.start_all()
    for _ in range(1000):
        operator.advance(60)
    assert poller.calls == [60 * number for number in range(1001)]
    assert operator.elapsed == 60_000


def test_a_day_takes_less_than_a_second(operator):
    operator.add_handler("poller", Poller(operator, 60))
    operator.start_all()
    begun = time.monotonic()
    operator.advance(24 * HOUR)
    assert time.monotonic() - begun < 10  # of a very busy machine


def test_nothing_runs_between_two_calls(operator):
    poller = Poller(operator, 1)
    operator.add_handler("poller", poller)
    operator.start_all()
    operator.advance(1)
    seen = list(poller.calls)
    threading.Event().wait(0.01)  # real time: nobody uses it
    assert poller.calls == seen


def test_a_wait_for_a_result_lets_time_go_on_as_far_as_needed(operator):
    def slow(ctx):
        ctx.wait(HOUR)
        return done(ctx.message * 2)

    operator.add_handler("slow", slow, Config(message_only=True))
    operator.start_all()
    assert operator.dispatch("slow", 21).result() == 42
    assert operator.elapsed == HOUR


def test_a_condition_is_met_at_the_moment_it_becomes_true(operator):
    poller = Poller(operator, 10)
    operator.add_handler("poller", poller)
    operator.start_all()
    operator.run_until(lambda: len(poller.calls) == 5)
    assert operator.elapsed == 40
    assert len(poller.calls) == 5


def test_a_condition_that_is_never_met_is_told_with_the_workers(operator):
    operator.add_handler("broken", lambda ctx: fail("no disk", idle=60))
    operator.start_all()
    with pytest.raises(NotReachedError) as failure:
        operator.run_until(lambda: False, at_most=100)
    assert "not within 100 virtual seconds" in str(failure.value)
    assert "<Worker 'broken' backoff> after no disk" in str(failure.value)
    assert operator.elapsed == 100


def test_a_handler_that_never_waits_is_named_not_waited_for():
    with VirtualOperator() as operator:
        operator.add_handler("busy", lambda ctx: done())
        operator.start_all()
        with pytest.raises(Stalled) as stall:
            operator.advance(HOUR)
        assert "smoothop-busy" in str(stall.value)
        assert "let the handler idle" in stall.value.__notes__[0]


def test_two_busy_async_handlers_take_turns(operator):
    counts = {"one": 0, "two": 0}

    async def busy(ctx):
        counts[ctx.worker] += 1
        return done()

    operator.add_handler("one", busy)
    operator.add_handler("two", busy)
    operator.start_all()
    operator.run_until(lambda: min(counts.values()) > 3)


def test_asyncio_sleeps_and_threads_are_virtual(operator):
    async def handle(ctx):
        await asyncio.sleep(HOUR)
        number = await asyncio.to_thread(lambda: 21)
        try:
            await asyncio.to_thread(lambda: 1 / 0)
        except ZeroDivisionError:
            return done(number * 2)

    operator.add_handler("async", handle, Config(message_only=True))
    operator.start_all()
    assert operator.dispatch("async", None).result() == 42
    assert operator.elapsed == HOUR


def test_a_thread_of_asyncio_may_block_in_virtual_time_while_the_loop_goes_on(operator):
    async def slow(ctx):
        await ctx.wait(HOUR)
        return done(ctx.message)

    async def handle(ctx):
        receipt = await ctx.dispatch("slow", 21)
        return done(await asyncio.to_thread(receipt.result))

    operator.add_handler("slow", slow, Config(message_only=True))
    operator.add_handler("async", handle, Config(message_only=True))
    operator.start_all()
    assert operator.dispatch("async", None).result() == 21


def test_a_handler_that_is_to_run_in_a_process_runs_on_a_thread_here(operator):
    def handle(ctx):
        return done(os.getpid())

    operator.add_handler("w", handle, Config(run_in="process", message_only=True))
    operator.start_all()
    assert operator.dispatch("w", None).result() == os.getpid()


def test_panics_back_off_in_virtual_time(operator):
    events = RecordedEvents(operator)

    def broken(ctx):
        raise OSError

    config = Config(panic_backoff=HOUR, max_panic_attempts=3)
    worker = operator.add_handler("broken", broken, config)
    operator.start_all()
    operator.run_until(lambda: worker.phase == "failed")
    assert operator.elapsed == 2 * HOUR
    assert [event.attempt for event in events.of(PanicEvent)] == [1, 2, 3]


def test_an_async_handler_is_cancelled_after_its_grace_in_virtual_time():
    seen = []

    async def slow(ctx):
        try:
            await asyncio.sleep(1000)
        finally:
            seen.append(operator.elapsed)

    operator = VirtualOperator()
    operator.add_handler("slow", slow, Config(stop_grace=20))
    operator.start_all()
    operator.advance(1)
    operator.close()
    assert seen == [21]


def test_a_handler_that_waits_for_ever_is_told_and_left():
    operator = VirtualOperator()
    gate = operator._machine.gate()
    gate.acquire()

    def handle(ctx):
        gate.acquire()

    operator.add_handler("stubborn", handle)
    operator.start_all()
    operator.advance(1)
    with pytest.raises(StopTimeoutError, match="stubborn"):
        operator.close()


def test_a_closed_one_refuses_and_closes_again(operator):
    operator.close()
    operator.close()
    with pytest.raises(OperatorClosedError):
        operator.advance(1)
    with pytest.raises(OperatorClosedError):
        operator.run_until(lambda: True)


def test_another_thread_is_refused_with_the_way_out(operator):
    operator.add_handler("poller", Poller(operator, 1))
    caught = []

    def foreign():
        try:
            operator.start("poller")
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=foreign)
    thread.start()
    thread.join()
    assert "needs a real Operator" in caught[0]


def test_async_with_is_refused_with_the_way_out(operator):
    async def use():
        async with operator:
            pass

    with pytest.raises(SmoothopError, match="use 'with'"):
        asyncio.run(use())


def history(seed):
    with VirtualOperator(seed=seed) as operator:
        order = []
        events = RecordedEvents(operator)

        def handle(ctx):
            order.append(ctx.worker)
            return none(10)

        for name in "abcdef":
            operator.add_handler(name, handle)
        operator.start_all()
        operator.advance(100)
        return order, [(event.worker, event.time) for event in events.of(HandleEvent)]


def test_the_same_seed_gives_the_same_order_and_another_one_another():
    assert history(1) == history(1)
    assert len({tuple(history(seed)[0]) for seed in range(5)}) > 1
