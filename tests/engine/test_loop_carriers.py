"""Carriers: many async workers on few tasks, and to a handler the same as a task of its own."""

import asyncio
import contextvars
import gc
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from support.gates import DEADLINE, Gate

from smoothop import (
    Config,
    MessageDroppedError,
    Operator,
    SmoothopError,
    StopTimeoutError,
    done,
    none,
)
from smoothop.engine.current import current_slot
from smoothop.engine.runners.loop import host as loop_host
from smoothop.engine.runners.loop.carrier import IDLE_NAME, SPARE
from smoothop.engine.runners.loop.keeper import NAME as KEEPER_NAME
from smoothop.engine.runners.loop.turn import FAIR_SHARE

ONLY = Config(message_only=True, panic_backoff=0.001)
HOUR = 3600


def run(coroutine):
    """Run it on an event loop of its own, with the deadline."""
    return asyncio.run(limited(coroutine))


async def limited(coroutine):
    async with asyncio.timeout(DEADLINE):
        return await coroutine


def tasks():
    """Return the names of all tasks of the running loop but the caller's, sorted."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return sorted(task.get_name() for task in others)


def cancel_carriers():
    """Cancel the carriers that drive nobody; return how many there were."""
    idle = [task for task in asyncio.all_tasks() if task.get_name() == IDLE_NAME]
    for task in idle:
        task.cancel()
    return len(idle)


async def called(op, name, call):
    """Have the handler of worker `name` make this call; return its result."""
    return await (await op.dispatch_async(name, call))


async def call_message(ctx):
    """Handle a message that is a coroutine function by calling it."""
    return done(await ctx.message(ctx))


def callers(op, *names):
    """Add and start workers that call what they are sent."""
    for name in names:
        op.add_handler(name, call_message, ONLY)
        op.start(name)


# -- few tasks


def test_idle_workers_have_no_task():
    async def main():
        handled = Gate()
        names = []

        async def handle(ctx):
            names.append(ctx.worker)
            if len(names) == 100:
                handled.open()
            return none(HOUR)

        async with Operator() as op:
            for number in range(100):
                op.add_handler(f"w{number}", handle)
            op.start_all()
            await handled.passed()
            assert len(set(names)) == 100
            assert len(tasks()) <= SPARE + 1
            assert set(tasks()) <= {IDLE_NAME, KEEPER_NAME}
            assert {worker.phase for worker in op.workers()} == {"idle"}
        assert tasks() == []

    run(main())


def test_a_thousand_handlers_can_be_suspended_at_once_and_their_carriers_then_go():
    async def main():
        entered, left, leave, all_in, all_out = [], [], Gate(), Gate(), Gate()

        async def handle(ctx):
            entered.append(asyncio.current_task().get_name())
            if len(entered) == 1_000:
                all_in.open()
            await leave.passed()
            left.append(ctx.worker)
            if len(left) == 1_000:
                all_out.open()
            return none(HOUR)

        async with Operator() as op:
            for number in range(1_000):
                op.add_handler(f"w{number}", handle)
            op.start_all()
            await all_in.passed()
            assert len(set(entered)) == len(entered) == 1_000
            assert set(entered) <= set(tasks())
            leave.open()
            await all_out.passed()
            assert {worker.phase for worker in op.workers()} == {"idle"}
            assert tasks() == [IDLE_NAME] * SPARE + [KEEPER_NAME]
        assert tasks() == []

    run(main())


def test_a_worker_with_setup_or_teardown_keeps_one_task_for_all_of_its_calls():
    async def main():
        seen = []

        class Handler:
            async def setup(self, ctx):
                seen.append(asyncio.current_task())
                self.group = asyncio.TaskGroup()
                await self.group.__aenter__()

            async def handle(self, ctx):
                seen.append(asyncio.current_task())
                return none(HOUR)

            async def teardown(self, ctx):
                seen.append(asyncio.current_task())
                await self.group.__aexit__(None, None, None)

        async with Operator() as op:
            callers(op, "other")
            worker = op.add_handler("w", Handler())
            op.start("w")
            await called(op, "other", lambda ctx: asyncio.sleep(0))
            assert "smoothop-w" in tasks()
            await (await op.dispatch_async("w", "once more"))
            await op.stop("w")
            assert worker.snapshot().last_error is None
        assert len(seen) == 4
        assert len(set(seen)) == 1

    run(main())


def test_no_other_worker_is_driven_in_the_task_that_one_has_for_itself():
    async def main():
        class Handler:
            async def setup(self, ctx):
                pass

            async def handle(self, ctx):
                return done(asyncio.current_task())

        async def its_task(ctx):
            return asyncio.current_task()

        async with Operator() as op:
            op.add_handler("w", Handler(), ONLY)
            op.start("w")
            callers(op, "other")
            for _ in range(2):
                receipts = [await op.dispatch_async(n, its_task) for n in ("w", "other")]
                own, others = [await receipt for receipt in receipts]
                assert own is not others

    run(main())


class Rounds:
    """Counts the rounds of the loop, and notes in which each call of a handler that spins began."""

    def __init__(self):
        self.number, self.begun = 0, []

    async def count(self):
        while True:
            self.number += 1
            await asyncio.sleep(0)

    async def spin(self, ctx):
        self.begun.append(self.number)
        until = time.monotonic() + 0.6 * FAIR_SHARE
        while time.monotonic() < until:
            pass


def test_however_many_carriers_there_are_they_have_one_share_of_the_loop():
    async def main():
        rounds = Rounds()
        names = [f"w{number}" for number in range(2 * SPARE)]
        async with Operator() as op:
            callers(op, "suspends", *names)
            counting = asyncio.ensure_future(rounds.count())
            # It suspends while the others are due, so as many carriers come as there can.
            receipts = [await op.dispatch_async("suspends", lambda ctx: asyncio.sleep(0))]
            receipts += [await op.dispatch_async(name, rounds.spin) for name in names]
            for receipt in receipts:
                await receipt
            counting.cancel()
        assert len(rounds.begun) == len(names)
        assert max(Counter(rounds.begun).values()) <= 3

    run(main())


def test_who_comes_back_while_a_carrier_lets_others_have_the_loop_takes_up_nothing():
    async def main():
        rounds = Rounds()
        come_back = asyncio.Event()

        async def spin(ctx):
            come_back.set()
            await rounds.spin(ctx)

        suspended = [f"suspended-{number}" for number in range(SPARE // 2)]
        names = [f"w{number}" for number in range(2 * SPARE)]
        async with Operator() as op:
            callers(op, *suspended, *names)
            counting = asyncio.ensure_future(rounds.count())
            receipts = [
                await op.dispatch_async(name, lambda ctx: come_back.wait()) for name in suspended
            ]
            for receipt in receipts:
                await asyncio.to_thread(receipt.wait_delivered, DEADLINE)
            receipts += [await op.dispatch_async(name, spin) for name in names]
            for receipt in receipts:
                await receipt
            counting.cancel()
        assert len(rounds.begun) == len(names)
        assert max(Counter(rounds.begun).values()) <= 3

    run(main())


def test_a_worker_that_a_signal_handler_has_begun_as_well_is_not_driven_twice(monkeypatch):
    async def main():
        inside, most = [0], [0]
        others_turn = asyncio.Event()

        async def suspend(ctx):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await others_turn.wait()
            inside[0] -= 1
            return none(HOUR)

        async def go_on(ctx):
            others_turn.set()

        async def start(ctx):
            crew = op._means.host._crew
            begin = crew._begin_slot

            def interrupted(runner):
                """Begins it, but a signal handler has come first, and starts another one, too."""
                monkeypatch.undo()
                begin(runner)
                op.start("other")
                begin(runner)

            monkeypatch.setattr(crew, "_begin_slot", interrupted)
            op.start("twice")

        async with Operator() as op:
            callers(op, "starts")
            op.add_handler("other", call_message, ONLY)
            op.add_handler("twice", suspend)
            await called(op, "starts", start)
            await called(op, "other", go_on)
            await called(op, "starts", lambda ctx: asyncio.sleep(0))
            assert op.worker("twice").snapshot().handled == 1
        assert most == [1]

    run(main())


# -- as a task of its own


def test_each_worker_has_context_variables_of_its_own_that_last_from_call_to_call():
    variable = contextvars.ContextVar("variable", default=0)

    async def count(ctx):
        variable.set(variable.get() + 1)
        await asyncio.sleep(0)
        return variable.get()

    async def main():
        async with Operator() as op:
            callers(op, "a", "b")
            counts = [await called(op, name, count) for name in "aabab"]
            assert counts == [1, 2, 1, 3, 2]
            await op.stop("a")
            op.start("a")
            assert await called(op, "a", count) == 1
        assert variable.get() == 0

    run(main())


def test_workers_that_are_due_together_do_not_see_each_others_context_variables():
    variable = contextvars.ContextVar("variable", default="unset")
    tokens = []

    async def keep(ctx):
        tokens.append(variable.set(ctx.worker))

    async def forget(ctx):
        variable.reset(tokens.pop())

    async def read(ctx):
        return variable.get()

    async def main():
        async with Operator() as op:
            callers(op, "a", "b", "c")

            async def together(**calls):
                receipts = [await op.dispatch_async(name, call) for name, call in calls.items()]
                return [await receipt for receipt in receipts]

            await together(b=keep)
            assert await together(a=read, b=read, c=read) == ["unset", "b", "unset"]
            await together(b=forget, c=keep)  # what b was in is empty, but not for others
            assert await together(a=read, b=read, c=read) == ["unset", "unset", "c"]

    run(main())


def test_what_a_handler_starts_gets_its_context_variables():
    variable = contextvars.ContextVar("variable", default="unset")

    async def handle(ctx):
        variable.set(ctx.worker)
        seen = [await asyncio.create_task(read()), await asyncio.to_thread(variable.get)]
        called_back = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: called_back.set_result(variable.get()))
        return [*seen, await called_back]

    async def read():
        return variable.get()

    async def main():
        async with Operator() as op:
            callers(op, "a", "b")
            assert await called(op, "a", handle) == ["a"] * 3
            assert await called(op, "b", handle) == ["b"] * 3

    run(main())


def test_the_first_call_of_a_worker_that_a_handler_starts_sees_nothing_of_that_handlers_context():
    variable = contextvars.ContextVar("variable", default="unset")

    async def main():
        async with Operator() as op:
            callers(op, "starter")

            async def start_other(ctx):
                variable.set("of the starter")
                callers(op, "other")

            async def read(ctx):
                return variable.get()

            await called(op, "starter", start_other)
            assert await called(op, "other", read) == "unset"

    run(main())


def test_the_task_bears_the_workers_name_while_it_is_in_its_handler():
    async def main():
        async def name(ctx):
            before = asyncio.current_task().get_name()
            await asyncio.sleep(0)
            assert asyncio.current_task().get_name() == before
            return before

        async with Operator() as op:
            callers(op, "a", "b")
            assert [await called(op, w, name) for w in "ab"] == ["smoothop-a", "smoothop-b"]

    run(main())


def test_timeouts_task_groups_and_shields_work_in_a_shared_task():
    async def timeout(ctx):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        return asyncio.current_task().cancelling()

    async def group(ctx):
        with pytest.raises(ExceptionGroup):
            await group_that_fails()
        return asyncio.current_task().cancelling()

    async def group_that_fails():
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.Event().wait()

    async def fail():
        raise ZeroDivisionError

    async def shield(ctx):
        inner = asyncio.ensure_future(asyncio.sleep(0.001, "shielded"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.shield(inner)
        return await inner

    async def main():
        async with Operator() as op:
            callers(op, "a", "b")
            for name in "abab":
                assert await called(op, name, timeout) == 0
                assert await called(op, name, group) == 0
                assert await called(op, name, shield) == "shielded"

    run(main())


def test_an_exception_a_future_brings_arrives_in_the_handler_that_awaits_it():
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def wait(ctx):
            with pytest.raises(ZeroDivisionError):
                await future
            return "caught"

        async with Operator() as op:
            callers(op, "a")
            receipt = await op.dispatch_async("a", wait)
            asyncio.get_running_loop().call_soon(future.set_exception, ZeroDivisionError())
            assert await receipt == "caught"

    run(main())


# -- cancellation stays with the slot it was for


async def leave_cancelled(ctx):
    asyncio.current_task().cancel()


async def leave_cancelled_and_uncancelled(ctx):
    task = asyncio.current_task()
    task.cancel()
    task.uncancel()


async def swallow_and_return(ctx):
    asyncio.current_task().cancel()
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        pass


@pytest.mark.parametrize(
    "rude", [leave_cancelled, leave_cancelled_and_uncancelled, swallow_and_return]
)
def test_a_cancellation_that_a_handler_leaves_behind_does_not_reach_the_next_worker(rude):
    async def polite(ctx):
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "not disturbed"

    async def main():
        async with Operator() as op:
            callers(op, "rude", "polite")
            receipts = []
            for _ in range(3):
                receipts += [
                    await op.dispatch_async(name, m)
                    for name, m in (("rude", rude), ("polite", polite))
                ]
                assert await receipts[-1] == "not disturbed"
            assert op.worker("polite").snapshot().panics == 0
            assert op.status("polite") == "running"

    run(main())


def test_the_end_of_the_grace_time_cancels_the_one_handler_and_no_other():
    async def main():
        entered, leave = Gate(), Gate()

        async def stay(ctx):
            entered.open()
            await asyncio.Event().wait()

        async def go_on(ctx):
            await leave.passed()
            return "went on"

        async with Operator() as op:
            op.add_handler("late", call_message, Config(message_only=True, stop_grace=0.01))
            op.start("late")
            callers(op, "other")
            cut_off = await op.dispatch_async("late", stay)
            await entered.passed()
            other = await op.dispatch_async("other", go_on)
            await op.stop("late")
            with pytest.raises(MessageDroppedError):
                await cut_off
            leave.open()
            assert await other == "went on"
            assert op.worker("other").snapshot().panics == 0

    run(main())


def test_a_grace_time_that_was_not_needed_ends_with_the_call():
    """Its end would else cancel whatever the carrier does by then."""

    async def main():
        entered = Gate()

        async def leave_when_asked(ctx):
            entered.open()
            await ctx.wait()
            tasks.append(asyncio.current_task())

        async def go_on(ctx):
            tasks.append(asyncio.current_task())
            for _ in range(5):
                await asyncio.sleep(0)
            return "went on"

        tasks = []
        async with Operator() as op:
            op.add_handler("late", call_message, Config(message_only=True, stop_grace=0))
            op.start("late")
            callers(op, "other")
            await called(op, "other", lambda ctx: asyncio.sleep(0))  # from now on it is parked
            await op.dispatch_async("late", leave_when_asked)
            await entered.passed()
            op.stop("late")
            assert await called(op, "other", go_on) == "went on"
            assert tasks[0] is tasks[1]  # or the test shows nothing

    run(main())


def test_a_cancellation_that_was_taken_for_a_stop_is_not_left_on_the_task():
    async def main():
        entered, seen = Gate(), []

        class Handler:
            async def handle(self, ctx):
                entered.open()
                await asyncio.Event().wait()

            async def teardown(self, ctx):
                seen.append(asyncio.current_task().cancelling())

        async with Operator() as op:
            worker = op.add_handler("w", Handler())
            stream = worker.metrics(kinds=["lifecycle"])
            op.start("w")
            await entered.passed()
            (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "smoothop-w")
            task.cancel()
            assert [event.reason async for event in stream] == [None, "cancelled"]
            assert seen == [0]

    run(main())


def test_a_carrier_that_is_cancelled_while_it_rests_is_replaced():
    async def main():
        async with Operator() as op:
            callers(op, "a")
            for _ in range(3):
                await called(op, "a", lambda ctx: asyncio.sleep(0))
                assert cancel_carriers() == 1
            assert await called(op, "a", lambda ctx: asyncio.sleep(0, "served")) == "served"
            assert op.status("a") == "running"

    run(main())


def test_a_carrier_that_is_cancelled_before_its_first_step_is_replaced():
    async def main():
        async with Operator() as op:
            callers(op, "a")
            receipt = await op.dispatch_async("a", lambda ctx: asyncio.sleep(0, "served"))
            cancelled = []
            # Called after the carrier was made, and before it takes its first step.
            asyncio.get_running_loop().call_soon(lambda: cancelled.append(cancel_carriers()))
            assert await receipt == "served"
            assert cancelled == [1]

    run(main())


# -- the loop ends


def test_parked_workers_are_stopped_when_the_tasks_of_their_loop_are_cancelled():
    """As `asyncio.run` does at its end: nobody may count on workers that never run again."""
    op = Operator()
    idle = Gate()

    async def handle(ctx):
        idle.open()
        return none(HOUR)

    async def main():
        await op.__aenter__()
        worker = op.add_handler("w", handle)
        stream = worker.metrics(kinds=["lifecycle"])
        op.start("w")
        await idle.passed()
        assert worker.phase == "idle"
        return worker, stream

    worker, stream = run(main())
    assert [event.reason for event in stream] == [None, "cancelled"]
    assert worker.status == "stopped"
    op.close()


def test_parked_workers_end_when_their_loop_is_closed_and_thrown_away(caplog):
    async def main(op):
        await op.__aenter__()
        op.add_handler("w", call_message, ONLY)
        op.start("w")
        await called(op, "w", lambda ctx: asyncio.sleep(0))

    op = Operator()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main(op))
    loop.close()
    op.stop_all().result(DEADLINE)
    assert op.status("w") == "stopped"
    op.close()


def test_a_handler_that_outlasts_its_loop_is_thrown_away_with_it(monkeypatch):
    monkeypatch.setattr(loop_host, "LAST_TASKS", 0.05)
    entered, left = Gate(), Gate()

    async def never_leave(ctx):
        entered.open()
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        finally:
            left.open()

    op = Operator()
    worker = op.add_handler("w", never_leave, Config(stop_grace=0))
    op.start("w")
    entered.wait()
    with pytest.raises(StopTimeoutError):
        op.close(timeout=0.05)
    left.wait()
    assert worker.snapshot().panics == 0


# -- stops


def test_a_worker_that_has_stopped_is_nobody_who_waits():
    """What is called when it has stopped is no part of its handler any more."""

    async def main():
        entered, seen = Gate(), []

        async def wait(ctx):
            entered.open()
            await ctx.wait()

        async with Operator() as op:
            callers(op, "a")
            await op.dispatch_async("a", wait)
            await entered.passed()
            stopped = op.stop("a")
            stopped.add_done_callback(lambda _: seen.append(current_slot()))
            await stopped
            assert seen == [None]

    run(main())


def test_a_parked_worker_is_stopped_at_once_although_its_loop_is_held_up():
    held, leave, idle = Gate(), Gate(), Gate()

    async def hold_up(ctx):
        held.open()
        leave.wait()
        return none(HOUR)

    async def sleep(ctx):
        idle.open()
        return none(HOUR)

    with Operator() as op:
        op.add_handler("parked", sleep)
        op.add_handler("holder", hold_up, ONLY)
        op.start_all()
        idle.wait()
        op.dispatch("holder", "go")
        held.wait()
        op.stop("parked").result(DEADLINE)
        assert op.status("parked") == "stopped"
        assert not leave.is_open()
        leave.open()


def test_a_task_that_a_handler_starts_may_wait_for_the_workers_stop():
    async def main():
        async def stop(op):
            await op.stop("a")
            return "stopped"

        async def start_one(ctx):
            return asyncio.create_task(stop(op))

        async with Operator() as op:
            callers(op, "a")
            task = await called(op, "a", start_one)
            assert await task == "stopped"

    run(main())


def test_whose_handler_it_is_that_waits_is_known_in_a_shared_task():
    async def main():
        async def wait_for_itself(ctx):
            with pytest.raises(SmoothopError, match=f"worker {ctx.worker} waits inside its own"):
                await op.remove_handler(ctx.worker)
            seen.append(ctx.worker)

        seen = []
        async with Operator() as op:
            callers(op, "a", "b")
            for name in "ab":
                await called(op, name, wait_for_itself)
            assert seen == ["a", "b"]

    run(main())


# -- one wake-up for many


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the calls that write to the loop's pipe."""

    pipe_writes = 0

    def call_soon_threadsafe(self, callback, *args, **more):
        self.pipe_writes += 1
        return super().call_soon_threadsafe(callback, *args, **more)


def test_many_starts_and_stops_from_another_thread_wake_the_loop_once():
    async def main():
        loop = asyncio.get_running_loop()
        began, all_began = [], Gate()

        async def handle(ctx):
            began.append(ctx.worker)
            if len(began) == 100:
                all_began.open()
            return none(HOUR)

        async with Operator() as op:
            for number in range(100):
                op.add_handler(f"w{number}", handle)
            before = loop.pipe_writes
            on_another_thread(op.start_all)  # the loop is not looking meanwhile
            assert loop.pipe_writes - before == 1
            await all_began.passed()
            assert {worker.phase for worker in op.workers()} == {"idle"}
            before = loop.pipe_writes
            stopped = on_another_thread(op.stop_all)
            assert loop.pipe_writes - before == 1
            await stopped

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(limited(main()))


def on_another_thread(function):
    """Call it there while this thread, and the loop it runs, stand still."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(DEADLINE)


def test_of_what_does_not_stop_close_speaks_and_not_asyncio(caplog, monkeypatch):
    monkeypatch.setattr(loop_host, "LAST_TASKS", 0.01)
    inside = Gate()

    async def swallow(ctx):
        inside.open()
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(HOUR)

    op = Operator(close_timeout=0.05)
    op.add_handler("w", swallow, Config(message_only=True, stop_grace=0))
    op.start("w")
    op.dispatch("w", None)
    inside.wait()
    with pytest.raises(StopTimeoutError) as gave_up:
        op.close()
    assert list(gave_up.value.stuck) == ["w"]
    for thread in {*threading.enumerate()} - {threading.current_thread()}:
        if thread.name == "smoothop-loop":
            thread.join(DEADLINE)
    del gave_up, op
    gc.collect()  # with the last reference to its loop, a task would be reported
    assert [record for record in caplog.records if record.name == "asyncio"] == []
