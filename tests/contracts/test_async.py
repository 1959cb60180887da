"""What is particular to async handlers and to callers on event loops (API, sections 1, 2, 4)."""

import asyncio
import contextvars
import threading
import time

import pytest
from support.gates import DEADLINE, Gate

from smoothop import (
    AsyncContext,
    Config,
    Context,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    MailboxFullError,
    MessageDroppedError,
    Operator,
    OperatorClosedError,
    SmoothopError,
    StopTimeoutError,
    done,
    fail,
    none,
)

ONLY = Config(message_only=True, panic_backoff=0.001)


def run(coroutine):
    """Run it on an event loop of its own, with the deadline."""
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE))


def test_sync_handlers_get_a_context_and_run_on_threads_of_their_own():
    seen, both = {}, [Gate("a"), Gate("b")]

    def make(gate):
        def handle(ctx):
            seen[ctx.worker] = (type(ctx), threading.current_thread())
            gate.open()
            return none(3600)

        return handle

    with Operator() as op:
        for name, gate in zip("ab", both, strict=True):
            op.add_handler(name, make(gate))
        op.start_all()
        for gate in both:
            gate.wait()
    (a_kind, a_thread), (b_kind, b_thread) = seen["a"], seen["b"]
    assert a_kind is b_kind is Context
    assert len({a_thread, b_thread, threading.current_thread()}) == 3


def test_async_handlers_get_an_async_context_and_share_one_loop_of_the_operators_own():
    seen, both = {}, [Gate("a"), Gate("b")]

    def make(gate):
        async def handle(ctx):
            seen[ctx.worker] = (type(ctx), asyncio.get_running_loop(), threading.current_thread())
            gate.open()
            return none(3600)

        return handle

    with Operator() as op:
        for name, gate in zip("ab", both, strict=True):
            op.add_handler(name, make(gate))
        before = set(threading.enumerate())
        op.start_all()
        for gate in both:
            gate.wait()
        assert len(set(threading.enumerate()) - before) == 1
    assert seen["a"] == seen["b"]
    assert seen["a"][0] is AsyncContext
    assert seen["a"][2] is not threading.current_thread()


def test_with_async_with_async_handlers_run_on_the_callers_loop():
    async def main():
        loops = []
        handled = Gate()

        async def handle(ctx):
            loops.append(asyncio.get_running_loop())
            handled.open()
            return none(3600)

        async with Operator() as op:
            op.add_handler("w", handle)
            op.start("w")
            await handled.passed()
        assert op._closed
        return loops == [asyncio.get_running_loop()]

    assert run(main())


def test_a_handlers_loop_that_was_there_before_async_with_is_ended_as_well():
    async def main():
        handled = Gate()

        async def handle(ctx):
            handled.open()
            return none(3600)

        op = Operator()
        op.add_handler("w", handle)
        op.start("w")
        async with op:
            await handled.passed()

    run(main())


def test_everything_that_can_be_waited_for_can_be_awaited():
    async def main():
        async def handle(ctx):
            return ctx.message()

        def panic():
            raise ValueError("no such table")

        async with Operator() as op:
            op.add_handler("w", handle, ONLY)
            op.start("w")
            receipt = await op.dispatch_async("w", lambda: done(7))
            assert await receipt == 7
            assert await receipt == 7
            with pytest.raises(HandlerFailedError):
                await (await op.dispatch_async("w", lambda: fail("broken")))
            with pytest.raises(HandlerPanickedError):
                await (await op.dispatch_async("w", panic))
            assert await op.update_config("w", critical=True) is None
            assert await op.stop("w") is None
            assert await op.stop_all() is None
            assert await op.remove_handler("w") is None

    run(main())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_foreign_loop_can_do_the_same(kind):
    def sync_handle(ctx):
        return done(ctx.message)

    async def async_handle(ctx):
        return done(ctx.message)

    async def main(op):
        assert await (await op.dispatch_async("w", 1)) == 1
        await op.stop("w")
        waiting = await op.dispatch_async("w", 2)
        removed = op.remove_handler("w")
        with pytest.raises(MessageDroppedError):
            await waiting
        await removed

    with Operator() as op:
        op.add_handler("w", sync_handle if kind == "sync" else async_handle, ONLY)
        op.start("w")
        run(main(op))


def test_dispatch_async_never_blocks_the_loop_and_gives_up_in_time():
    async def main(op):
        ticks = []

        async def tick():
            while True:
                ticks.append(1)
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        with pytest.raises(DispatchTimeoutError, match=r"\Adispatch timeout"):
            await op.dispatch_async("w", 2, timeout=0.05)
        waiting = asyncio.ensure_future(op.dispatch_async("w", 3))
        await asyncio.sleep(0)
        op.start("w")
        receipt = await waiting
        assert await receipt == 3
        ticking.cancel()
        return len(ticks)

    with Operator() as op:
        op.add_handler("w", lambda ctx: done(ctx.message), Config(message_only=True, mailbox_size=1))
        op.dispatch("w", 1)
        assert run(main(op)) > 10


def test_a_dispatch_async_that_is_cancelled_leaves_nothing_behind():
    async def main(op):
        waiting = asyncio.ensure_future(op.dispatch_async("w", "late"))
        await asyncio.sleep(0)
        assert op.worker("w").snapshot().senders_waiting == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert op.worker("w").snapshot().senders_waiting == 0

    with Operator() as op:
        op.add_handler("w", lambda ctx: done(), Config(message_only=True, mailbox_size=1))
        op.dispatch("w", 1)
        run(main(op))
        assert op.worker("w").snapshot().mailbox_depth == 1


# -- waits that would hold up the loop they wait for


def test_blocking_on_the_loop_that_would_have_to_do_the_work_is_refused_at_once():
    async def main():
        entered = Gate()

        async def handle(ctx):
            entered.open()
            await ctx.wait()
            return done()

        async with Operator() as op:
            op.add_handler("w", handle, Config(message_only=True, mailbox_size=1))
            op.start("w")
            receipt = await op.dispatch_async("w", 1)
            await entered.passed()
            op.dispatch("w", 2)
            for call in (receipt.result, op.stop_all().wait, op.close):
                with pytest.raises(SmoothopError, match="would block the event loop"):
                    call()
            with pytest.raises(MailboxFullError, match="await dispatch_async instead"):
                op.dispatch("w", 3)

    run(main())


# -- stop_grace


def test_an_async_handler_that_does_not_leave_in_its_grace_time_is_cancelled():
    entered, seen = Gate(), []

    async def handle(ctx):
        entered.open()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(ctx.cancelled)
            raise

    with Operator() as op:
        worker = op.add_handler("w", handle, Config(stop_grace=0.1, message_only=True))
        op.start("w")
        receipt = op.dispatch("w", 1)
        entered.wait()
        began = time.monotonic()
        op.stop("w").result(DEADLINE)
        assert time.monotonic() - began >= 0.1
        with pytest.raises(MessageDroppedError):
            receipt.result(0)
        assert (worker.snapshot().panics, worker.status) == (0, "stopped")
    assert seen == [True]


def test_an_async_handler_that_leaves_in_its_grace_time_is_not_cancelled():
    entered, seen = Gate(), []

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        await asyncio.sleep(0)
        seen.append("left by itself")
        return done()

    with Operator() as op:
        op.add_handler("w", handle, Config(stop_grace=DEADLINE))
        op.start("w")
        entered.wait()
        op.stop("w").result(DEADLINE)
    assert seen == ["left by itself"]


def test_one_that_swallows_the_cancellation_is_reported_and_still_running():
    entered, leave = Gate(), Gate()

    async def handle(ctx):
        entered.open()
        while not leave.is_open():
            try:
                await leave.passed()  # the line it stands at
            except asyncio.CancelledError:
                pass
        return done()

    with Operator() as op:
        op.add_handler("w", handle, Config(stop_grace=0.01))
        op.start("w")
        entered.wait()
        with pytest.raises(StopTimeoutError) as caught:
            op.stop("w", timeout=0.1).result(DEADLINE)
        assert "await leave.passed()  # the line it stands at" in caught.value.stuck["w"]
        assert op.status("w") == "running"
        leave.open()
        op.stop("w").result(DEADLINE)


def test_one_that_blocks_the_loop_is_reported_with_the_line_it_stands_at():
    entered, leave = Gate(), Gate()

    async def handle(ctx):
        entered.open()
        leave.wait()  # the line it stands at
        return done()

    with Operator() as op:
        op.add_handler("w", handle)
        op.start("w")
        entered.wait()
        with pytest.raises(StopTimeoutError) as caught:
            op.stop("w", timeout=0.05).result(DEADLINE)
        assert "leave.wait()  # the line it stands at" in caught.value.stuck["w"]
        leave.open()
        op.stop("w").result(DEADLINE)


def test_the_operator_still_closes_in_time_when_a_handler_blocks_its_loop():
    entered, leave = Gate(), Gate()

    async def handle(ctx):
        entered.open()
        leave.wait()
        return done()

    op = Operator()
    op.add_handler("w", handle)
    op.start("w")
    entered.wait()
    began = time.monotonic()
    with pytest.raises(StopTimeoutError):
        op.close(timeout=0.1)
    took = time.monotonic() - began
    leave.open()
    assert took < 0.1 + 1  # not the seconds that tasks have to end when the loop is free


# -- cancelled by others


@pytest.mark.parametrize("where", ["handle", "idle", "backoff"])
def test_a_task_that_somebody_else_cancels_stops_its_worker_cleanly(where):
    async def main():
        order, called = [], Gate()

        class Handler:
            async def handle(self, ctx):
                called.open()
                if where == "handle":
                    await ctx.wait()
                if where == "backoff":
                    raise ValueError
                return none(3600)

            async def teardown(self, ctx):
                order.append("teardown")

        async with Operator() as op:
            worker = op.add_handler("w", Handler(), Config(panic_backoff=3600))
            stream = worker.metrics(kinds=["lifecycle"])
            op.start("w")
            await called.passed()
            (task,) = (t for t in asyncio.all_tasks() if t.get_name() == "smoothop-w")
            task.cancel()
            reasons = [event.reason async for event in stream]
            await op.stop("w")
            assert reasons == [None, "cancelled"]
            assert order == ["teardown"]
            assert worker.status == "stopped"
            op.start("w")
            assert worker.status == "running"

    run(main())


def test_a_cancellation_the_handler_makes_up_is_a_panic():
    async def handle(ctx):
        raise asyncio.CancelledError("made up")

    with Operator() as op:
        worker = op.add_handler("w", handle, Config(max_panic_attempts=2, panic_backoff=0.001))
        stream = worker.metrics(kinds=["panic"])
        op.start("w")
        assert [event.error for event in stream] == ["CancelledError: made up"] * 2


# -- the loop belongs to all


def test_a_handler_that_never_suspends_lets_the_others_have_their_turn():
    turns = Gate()

    async def busy(ctx):
        return done()

    async def other(ctx):
        if ctx.message == 2:
            turns.open()
        return done()

    with Operator() as op:
        op.add_handler("busy", busy)
        op.add_handler("other", other, ONLY)
        op.start_all()
        for message in (1, 2):
            op.dispatch("other", message)
        turns.wait()


def test_a_task_a_handler_starts_that_raises_system_exit_does_not_end_the_loop(caplog):
    raised = Gate()

    async def leaves():
        raised.open()
        raise SystemExit(3)

    async def handle(ctx):
        if ctx.message == "start":
            kept.append(asyncio.create_task(leaves()))
        return done(ctx.message)

    kept = []
    with Operator() as op:
        op.add_handler("w", handle, ONLY)
        op.start("w")
        op.dispatch("w", "start").result(DEADLINE)
        raised.wait()
        assert op.dispatch("w", "still there").result(DEADLINE) == "still there"
        with pytest.raises(SystemExit):
            kept.pop().result()


def test_what_a_handler_leaves_on_the_operators_loop_ends_with_it():
    kept = []

    async def handle(ctx):
        kept.append(asyncio.create_task(asyncio.Event().wait()))
        return done()

    with Operator() as op:
        op.add_handler("w", handle, ONLY)
        op.start("w")
        op.dispatch("w", 1).result(DEADLINE)
    assert kept[0].cancelled()


def test_a_worker_does_not_see_the_context_variables_of_who_starts_it():
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def handle(ctx):
        seen.append(variable.get())
        return done()

    variable.set("of the test")
    with Operator() as op:
        op.add_handler("w", handle, ONLY)
        op.start("w")
        op.dispatch("w", 1).result(DEADLINE)
    assert seen == ["unset"]


def test_async_with_closes_also_when_its_body_raises():
    async def main():
        async def handle(ctx):
            await ctx.wait()
            return done()

        op = Operator()
        with pytest.raises(ZeroDivisionError):
            async with op:
                worker = op.add_handler("w", handle)
                op.start("w")
                raise ZeroDivisionError
        assert worker.status == "stopped"
        with pytest.raises(OperatorClosedError):
            op.workers()

    run(main())
