"""Starting and stopping (API, sections 1 and 2)."""

import math
from datetime import timedelta

import pytest
from support.gates import DEADLINE, Gate

from smoothop import (
    Completion,
    SmoothopError,
    Status,
    StopTimeoutError,
    WorkerNotFoundError,
    done,
    none,
)


class Held:
    """A handler that stays in `handle`, whatever it is asked, until it is let go."""

    def __init__(self, way):
        self.entered, self.leave = Gate("handle"), Gate("leave")
        self.contexts = []

        async def handle(ctx):
            self.contexts.append(ctx)
            self.entered.open()
            await way.passed(self.leave)
            return none(3600)

        self.handler = way.handler(handle)


@pytest.fixture
def held(way):
    return Held(way)


def idle_handler(way, entered=None):
    async def handle(ctx):
        if entered is not None:
            entered.open()
        return none(3600)

    return way.handler(handle)


def test_adding_registers_and_does_not_start(op, way):
    called = Gate()
    worker = op.add_handler("w", idle_handler(way, called))
    assert (worker.name, worker.status, worker.phase) == ("w", "stopped", "stopped")
    assert op.status("w") is Status.STOPPED
    op.stop("w").result(DEADLINE)
    assert not called.is_open()


def test_a_started_worker_calls_its_handler_and_is_running(op, way):
    called = Gate()
    op.add_handler("w", idle_handler(way, called))
    assert op.start("w") is None
    called.wait()
    assert op.status("w") is Status.RUNNING
    assert op.status("w") == "running"


def test_starting_a_running_worker_does_nothing(op, held):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    op.start("w")
    assert op.worker("w").snapshot().starts == 1
    held.leave.open()


def test_start_all_starts_every_worker(op, way):
    called = {name: Gate(name) for name in ("a", "b", "c")}
    for name, gate in called.items():
        op.add_handler(name, idle_handler(way, gate))
    assert op.start_all() is None
    for gate in called.values():
        gate.wait()


@pytest.mark.parametrize("call", ["start", "stop", "status", "worker", "remove_handler"])
def test_an_unknown_name_is_not_found(op, call):
    with pytest.raises(WorkerNotFoundError, match=r"\Aworker w not found\Z") as caught:
        getattr(op, call)("w")
    assert isinstance(caught.value, LookupError)


def test_an_unknown_name_is_not_found_by_update_and_dispatch_either(op):
    with pytest.raises(WorkerNotFoundError, match=r"\Aworker w not found\Z"):
        op.update_config("w", critical=True)
    with pytest.raises(WorkerNotFoundError, match=r"\Aworker w not found\Z"):
        op.dispatch("w", 1)


# -- stop


def test_the_stop_of_a_worker_that_never_ran_is_done_already(op, way):
    op.add_handler("w", idle_handler(way))
    stopped = op.stop("w")
    assert isinstance(stopped, Completion)
    assert stopped.done()
    assert stopped.result(0) is None
    assert stopped.exception(0) is None
    assert op.stop("w", timeout=0).done()


def test_a_stop_is_done_only_when_the_handler_has_ended(op, held):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    stopped = op.stop("w")
    assert not stopped.done()
    assert not stopped.wait(0)
    assert not stopped.wait(timeout=timedelta(milliseconds=1))
    assert op.status("w") == "running"
    assert op.worker("w").phase == "stopping"
    with pytest.raises(TimeoutError):
        stopped.result(timeout=0)
    held.leave.open()
    assert stopped.wait(DEADLINE) is True
    assert stopped.result() is None
    assert op.status("w") == "stopped"
    assert op.worker("w").phase == "stopped"


def test_the_handler_sees_that_it_is_asked_to_stop(op, way):
    seen, entered = [], Gate()

    async def handle(ctx):
        seen.append(ctx.cancelled)
        entered.open()
        seen.append(await ctx.wait())
        seen.append(ctx.cancelled)
        return done()

    op.add_handler("w", way.handler(handle))
    op.start("w")
    entered.wait()
    op.stop("w").result(DEADLINE)
    assert seen == [False, True, True]


def test_a_wait_of_the_context_that_nobody_ends_says_so(op, way):
    seen, over = [], Gate()

    async def handle(ctx):
        seen.append(await ctx.wait(0.001))
        seen.append(await ctx.wait(timeout=timedelta(milliseconds=1)))
        for bad in (-1, math.nan, math.inf, "1s"):
            try:
                await ctx.wait(bad)
            except ValueError as error:
                seen.append(str(error).partition(":")[0])
        over.open()
        return none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    over.wait()
    assert seen == [False, False, "timeout", "timeout", "timeout", "timeout"]


def test_a_stop_ends_the_sleep_of_an_idle_worker_at_once(op, way):
    called = Gate()
    op.add_handler("w", idle_handler(way, called))
    op.start("w")
    called.wait()
    op.stop("w").result(DEADLINE)


def test_a_stop_with_a_timeout_fails_after_it_and_says_where_the_worker_stands(op, held):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    stopped = op.stop("w", timeout=0.05)
    with pytest.raises(StopTimeoutError) as caught:
        stopped.result(DEADLINE)
    assert isinstance(caught.value, TimeoutError)
    assert list(caught.value.stuck) == ["w"]
    assert "passed" in caught.value.stuck["w"]
    assert "w: File " in str(caught.value)
    assert op.status("w") == "running"
    assert isinstance(stopped.exception(), StopTimeoutError)
    held.leave.open()
    assert op.stop("w").wait(DEADLINE)
    assert op.status("w") == "stopped"


def test_a_stop_within_its_timeout_is_like_any_other(op, way):
    called = Gate()
    op.add_handler("w", idle_handler(way, called))
    op.start("w")
    called.wait()
    assert op.stop("w", timeout=DEADLINE).result(DEADLINE) is None


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, "2s"])
def test_a_timeout_that_is_no_duration_is_refused_and_nothing_is_stopped(op, held, timeout):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    for call in (lambda: op.stop("w", timeout=timeout), lambda: op.stop_all(timeout=timeout)):
        with pytest.raises(ValueError, match=r"\Atimeout: "):
            call()
    assert not held.contexts[0].cancelled
    held.leave.open()


def test_stop_all_asks_all_at_once(op, way):
    every = {name: Held(way) for name in ("a", "b", "c")}
    for name, held in every.items():
        op.add_handler(name, held.handler)
    op.start_all()
    for held in every.values():
        held.entered.wait()
    stopped = op.stop_all()
    assert all(held.contexts[0].cancelled for held in every.values())
    for held in every.values():
        assert not stopped.done()
        held.leave.open()
    assert stopped.result(DEADLINE) is None
    assert [worker.status for worker in op.workers()] == ["stopped"] * 3


def test_stop_all_names_exactly_those_that_did_not_stop(op, way):
    stubborn, began, restarted = Held(way), Gate(), Gate()

    async def handle(ctx):
        if began.is_open():
            restarted.open()
        began.open()
        await ctx.wait()
        return done()

    op.add_handler("stubborn", stubborn.handler)
    op.add_handler("willing", way.handler(handle))
    op.start_all()
    stubborn.entered.wait()
    began.wait()
    stopped = op.stop_all(timeout=0.2)
    op.start("willing")  # it runs again: that is not the run that was to stop
    restarted.wait()
    with pytest.raises(StopTimeoutError) as caught:
        stopped.result(DEADLINE)
    assert list(caught.value.stuck) == ["stubborn"]
    assert str(caught.value).startswith("1 worker did not stop within 0.2 s")
    stubborn.leave.open()


def test_stop_all_of_nobody_is_done(op):
    assert op.stop_all().done()
    assert op.stop_all(timeout=1).result(0) is None


def test_a_completion_cannot_be_cancelled(op, held):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    stopped = op.stop("w")
    assert not stopped.cancel()
    held.leave.open()
    stopped.result(DEADLINE)
    assert not stopped.cancelled()


# -- start during a stop


def test_a_start_during_a_stop_is_remembered(op, way):
    entered = [Gate("first"), Gate("second")]
    leave = Gate("leave")
    calls = []

    async def handle(ctx):
        calls.append(ctx)
        entered[len(calls) - 1].open()
        await way.passed(leave)
        return none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    entered[0].wait()
    stopped = op.stop("w")
    op.start("w")
    leave.open()
    stopped.result(DEADLINE)
    entered[1].wait()
    assert op.status("w") == "running"
    assert op.worker("w").snapshot().starts == 2


def test_a_stop_takes_back_the_start_that_was_remembered(op, held):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    first = op.stop("w")
    op.start("w")
    second = op.stop("w")
    held.leave.open()
    first.result(DEADLINE)
    second.result(DEADLINE)
    assert op.status("w") == "stopped"
    assert op.worker("w").snapshot().starts == 1


def test_a_worker_is_settled_when_it_does_not_stop_any_more(op, held):
    op.add_handler("w", held.handler)
    assert op.settled("w").done()
    op.start("w")
    held.entered.wait()
    assert op.settled("w").done()
    op.stop("w")
    settled = [op.settled("w")]
    op.start("w")
    settled.append(op.settled("w"))
    assert not any(one.done() for one in settled)
    held.leave.open()
    for one in settled:
        one.result(DEADLINE)
    assert (op.status("w"), op.worker("w").snapshot().starts) == ("running", 2)


def test_a_worker_whose_start_was_taken_back_is_settled_when_it_has_stopped(op, held):
    op.add_handler("w", held.handler)
    op.start("w")
    held.entered.wait()
    op.stop("w")
    op.start("w")
    settled = op.settled("w")
    op.stop("w")
    assert not settled.done()
    held.leave.open()
    settled.result(DEADLINE)
    assert (op.status("w"), op.worker("w").snapshot().starts) == ("stopped", 1)


def test_a_stopped_worker_can_be_started_again(op, way):
    gates = []

    async def handle(ctx):
        gates[-1].open()
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    for number in (1, 2, 3):
        gates.append(Gate())
        op.start("w")
        gates[-1].wait()
        op.stop("w").result(DEADLINE)
        assert worker.snapshot().starts == number


# -- from inside


def test_a_handler_that_waits_for_its_own_stop_is_refused_at_once(op, way):
    told, refused = [], Gate()

    async def handle(ctx):
        stopped = op.stop(ctx.worker)
        for wait in (stopped.wait, stopped.result, stopped.exception, op.stop_all().wait):
            try:
                wait(DEADLINE)
            except SmoothopError as error:
                told.append(str(error))
        try:
            await way.done(stopped)
        except SmoothopError as error:
            told.append(str(error))
        refused.open()
        return done()

    op.add_handler("w", way.handler(handle))
    op.start("w")
    refused.wait()
    assert len(told) == 5
    assert all("worker w waits inside its own handler for its own stop" in text for text in told)
    assert op.stop("w").wait(DEADLINE)


def test_a_handler_may_stop_restart_and_remove_its_own_worker(op, way):
    removals, over = [], Gate()
    calls = []

    async def handle(ctx):
        calls.append(ctx.worker)
        if len(calls) == 1:
            op.stop(ctx.worker)
            op.start(ctx.worker)
        elif len(calls) == 2:
            op.update_config(ctx.worker, panic_backoff=5)
        else:
            removals.append(op.remove_handler(ctx.worker))
            over.open()
        return done()

    worker = op.add_handler("w", way.handler(handle))
    op.start("w")
    over.wait()
    removals[0].result(DEADLINE)
    assert len(calls) == 3
    assert worker.config == way.config(panic_backoff=5)
    assert op.workers() == []


def test_two_handlers_that_wait_for_each_others_stop_do_not_wait_for_ever(op, way):
    both = {"a": Gate("a"), "b": Gate("b")}
    refused = []

    async def handle(ctx):
        other = "b" if ctx.worker == "a" else "a"
        both[ctx.worker].open()
        await way.passed(both[other])
        try:
            await way.done(op.stop(other))
        except SmoothopError as error:
            refused.append(str(error))
        return done()

    for name in both:
        op.add_handler(name, way.handler(handle))
    op.start_all()
    for gate in both.values():
        gate.wait()
    # Each was asked to stop by the other: at least one of them is told and leaves.
    assert op.stop_all(timeout=DEADLINE).exception(DEADLINE) is None
    assert refused
