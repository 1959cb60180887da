"""`Operator`: adding, removing, closing, cancelling (API, section 2)."""

import inspect
import math
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from support.gates import DEADLINE, Gate

import smoothop
from smoothop import (
    Cancellation,
    Completion,
    Config,
    MessageDroppedError,
    Operator,
    OperatorClosedError,
    SmoothopError,
    StopTimeoutError,
    Worker,
    WorkerExistsError,
    WorkerNotFoundError,
    done,
    none,
)

SIGNATURES = {
    "add_handler": "name, handler, config",
    "remove_handler": "name",
    "update_config": "name, **changes",
    "start": "name",
    "start_all": "",
    "stop": "name, *timeout",
    "stop_all": "*timeout",
    "status": "name",
    "worker": "name",
    "workers": "",
    "dispatch": "name, message, *timeout",
    "dispatch_async": "name, message, *timeout",
    "close": "*timeout",
}


def parameters(function):
    """Return the parameters, keyword-only ones marked with ``*``."""
    marks = {inspect.Parameter.KEYWORD_ONLY: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = list(inspect.signature(function).parameters.values())
    return [marks.get(p.kind, "") + p.name for p in found if p.name != "self" and p.name[0] != "_"]


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_methods_take_what_the_contract_says(name):
    expected = [part for part in SIGNATURES[name].split(", ") if part]
    assert parameters(getattr(Operator, name)) == expected


def test_the_constructor_takes_what_the_contract_says():
    assert parameters(Operator) == ["*cancellation", "*logger", "*close_timeout", "*pool_size"]
    defaults = inspect.signature(Operator).parameters
    assert defaults["close_timeout"].default == 30
    assert defaults["pool_size"].default == 64
    assert defaults["cancellation"].default is defaults["logger"].default is None


@pytest.mark.parametrize("name", smoothop.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(smoothop, name) is not None


def idle(way):
    async def handle(ctx):
        return none(3600)

    return way.handler(handle)


def test_creating_an_operator_starts_nothing():
    # The leak fixture finds threads: no close here.
    Operator()


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, "2s", None])
def test_a_close_timeout_that_is_no_duration_is_refused(timeout):
    with pytest.raises(ValueError, match=r"\Aclose_timeout: "):
        Operator(close_timeout=timeout)


def test_adding_gives_the_view_of_the_worker(op, way):
    worker = op.add_handler("w", idle(way), Config(panic_backoff=2))
    assert isinstance(worker, Worker)
    assert op.worker("w") is worker
    assert (worker.name, worker.config) == ("w", way.config(panic_backoff=2))
    for member in ("name", "status", "config", "phase"):
        with pytest.raises(AttributeError):
            setattr(worker, member, "other")


def test_a_name_is_taken_once(op, way):
    worker = op.add_handler("w", idle(way))
    with pytest.raises(WorkerExistsError, match=r"\Aworker w already exists\Z"):
        op.add_handler("w", idle(way))
    assert op.workers() == [worker]


def test_workers_come_in_order_of_registration(op, way):
    names = ["b", "a", "c"]
    for name in names:
        op.add_handler(name, idle(way))
    op.remove_handler("a").result(DEADLINE)
    op.add_handler("a", idle(way))
    assert [worker.name for worker in op.workers()] == ["b", "c", "a"]
    op.workers().clear()
    assert len(op.workers()) == 3


def test_start_all_raises_the_first_error_and_starts_no_more(op, way):
    entered, leave = Gate(), Gate()

    async def handle(ctx):
        entered.open()
        await way.passed(leave)
        return done()

    for name, handler in (("a", idle(way)), ("b", way.handler(handle)), ("c", idle(way))):
        op.add_handler(name, handler)
    op.start("b")
    entered.wait()
    op.remove_handler("b")  # on its way out: it takes no start any more
    with pytest.raises(WorkerNotFoundError, match="worker b not found"):
        op.start_all()
    assert [worker.status for worker in op.workers()] == ["running", "running", "stopped"]
    leave.open()


# -- remove


def test_a_removed_worker_is_forgotten_and_the_name_can_be_used_again(op, way):
    first = op.add_handler("w", idle(way))
    removed = op.remove_handler("w")
    assert isinstance(removed, Completion)
    assert isinstance(removed, Future)
    assert removed.result(DEADLINE) is None
    with pytest.raises(WorkerNotFoundError):
        op.status("w")
    second = op.add_handler("w", idle(way))
    assert second is not first
    assert first.status == "stopped"


def test_removing_a_running_worker_stops_it_first(op, way):
    entered, leave = Gate(), Gate()

    async def handle(ctx):
        entered.open()
        await way.passed(leave)
        return done()

    op.add_handler("w", way.handler(handle))
    op.start("w")
    entered.wait()
    removed = op.remove_handler("w")
    assert op.remove_handler("w") is removed
    assert not removed.done()
    assert op.status("w") == "running"
    with pytest.raises(WorkerExistsError):
        op.add_handler("w", idle(way))
    with pytest.raises(WorkerNotFoundError):
        op.start("w")
    with pytest.raises(WorkerNotFoundError):
        op.update_config("w", critical=True)
    leave.open()
    removed.result(DEADLINE)
    assert op.workers() == []


def test_the_streams_of_a_removed_worker_end(op, way):
    worker = op.add_handler("w", idle(way))
    stream = worker.metrics()
    op.remove_handler("w").result(DEADLINE)
    assert list(stream) == []
    assert list(worker.metrics()) == []


# -- close


def test_leaving_the_block_stops_all_and_waits(way):
    left, entered = [], Gate()

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        left.append(ctx.worker)
        return done()

    with way.operator() as op:
        for name in ("a", "b"):
            op.add_handler(name, way.handler(handle))
        op.start_all()
        entered.wait()
        workers = op.workers()
    assert sorted(left) in (["a", "b"], ["a"], ["b"])  # one may not have been called yet
    assert [worker.status for worker in workers] == ["stopped"] * 2


def calls_of(op, way):
    return {
        "add_handler": lambda: op.add_handler("new", idle(way)),
        "remove_handler": lambda: op.remove_handler("w"),
        "update_config": lambda: op.update_config("w", critical=True),
        "start": lambda: op.start("w"),
        "start_all": op.start_all,
        "stop": lambda: op.stop("w"),
        "stop_all": op.stop_all,
        "status": lambda: op.status("w"),
        "worker": lambda: op.worker("w"),
        "workers": op.workers,
        "dispatch": lambda: op.dispatch("w", 1),
        "dispatch_async": lambda: op.dispatch_async("w", 1).send(None),
        "metrics": op.metrics,
        "enter": op.__enter__,
    }


def test_after_close_every_call_is_refused_and_close_does_nothing(way):
    with way.operator() as op:
        op.add_handler("w", idle(way))
    for call in calls_of(op, way).values():
        with pytest.raises(OperatorClosedError, match="closed"):
            call()
    op.close()
    with pytest.raises(OperatorClosedError):
        op.status("no such worker")


def test_a_worker_that_does_not_stop_is_named_by_close_with_the_line_it_stands_at():
    entered, leave = Gate(), Gate()

    def handle(ctx):
        entered.open()
        leave.wait()  # the line it stands at
        return done()

    op = Operator()
    worker = op.add_handler("stuck", handle)
    op.add_handler("willing", lambda ctx: none(3600))
    op.start_all()
    entered.wait()
    in_hand = op.dispatch("stuck", "queued")
    with pytest.raises(StopTimeoutError, match=r"1 worker did not stop within 0\.05 s") as caught:
        op.close(timeout=0.05)
    assert list(caught.value.stuck) == ["stuck"]
    assert "leave.wait()  # the line it stands at" in caught.value.stuck["stuck"]
    with pytest.raises(MessageDroppedError):
        in_hand.result(0)
    with pytest.raises(OperatorClosedError):
        op.status("stuck")
    assert worker.status == "running"  # true, and still to be seen
    stream = worker.metrics()
    leave.open()
    assert list(stream) == []


def test_the_message_in_hand_of_a_worker_that_does_not_stop_is_settled_by_close():
    entered, leave = Gate(), Gate()

    def handle(ctx):
        entered.open()
        leave.wait()
        return done("too late")

    op = Operator(close_timeout=0.05)
    worker = op.add_handler("stuck", handle, Config(message_only=True))
    op.start("stuck")
    receipt = op.dispatch("stuck", 1)
    stream = worker.metrics(kinds=["handle"])
    entered.wait()
    with pytest.raises(StopTimeoutError):
        op.close()
    with pytest.raises(MessageDroppedError):
        receipt.result(0)
    leave.open()
    stream.get(DEADLINE)
    with pytest.raises(MessageDroppedError):
        receipt.result(0)


def test_a_removal_that_close_overtook_is_still_completed():
    entered, leave = Gate(), Gate()

    def handle(ctx):
        entered.open()
        leave.wait()
        return done()

    op = Operator()
    op.add_handler("w", handle)
    op.start("w")
    entered.wait()
    removed = op.remove_handler("w")
    with pytest.raises(StopTimeoutError):
        op.close(timeout=0)
    leave.open()
    assert removed.result(DEADLINE) is None


def test_nothing_can_be_added_or_started_while_the_operator_closes(way):
    told, entered = [], Gate()

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        for call in (lambda: op.add_handler("new", idle(way)), lambda: op.start("w")):
            try:
                call()
            except OperatorClosedError as error:
                told.append(str(error))
        return done()

    with way.operator() as op:
        op.add_handler("w", way.handler(handle))
        op.start("w")
        entered.wait()
    assert len(told) == 2


def test_several_threads_may_close_at_once(way):
    entered = Gate()

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        return done()

    with way.operator() as op:
        op.add_handler("w", way.handler(handle))
        op.start("w")
        entered.wait()
        with ThreadPoolExecutor(4) as closers:
            closing = [closers.submit(op.close) for _ in range(4)]
            assert [each.result(DEADLINE) for each in closing] == [None] * 4


def test_a_handler_that_closes_its_operator_is_refused_and_nothing_is_closed(op, way):
    told, refused = [], Gate()

    async def handle(ctx):
        try:
            op.close(timeout=DEADLINE)
        except SmoothopError as error:
            told.append(str(error))
        refused.open()
        return none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    refused.wait()
    assert "inside its own handler" in told[0]
    assert op.status("w") == "running"


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, "2s"])
def test_a_timeout_of_close_that_is_no_duration_is_refused_and_nothing_is_closed(op, timeout):
    with pytest.raises(ValueError, match=r"\Atimeout: "):
        op.close(timeout=timeout)
    assert op.workers() == []


# -- cancellation


def test_cancelling_stops_every_worker(way):
    cancellation = Cancellation()
    entered = Gate()

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        return done()

    with way.operator(cancellation=cancellation) as op:
        worker = op.add_handler("w", way.handler(handle))
        stream = worker.metrics(kinds=["lifecycle"])
        op.start("w")
        entered.wait()
        cancellation.cancel()
        assert [event.reason for event in stream] == [None, "cancelled"]
        op.stop("w").result(DEADLINE)
        assert worker.snapshot().stop_reason == "cancelled"
        with pytest.raises(OperatorClosedError, match="cancelled"):
            op.start("w")


def test_a_cancelled_operator_keeps_nobody_waiting(way):
    cancellation = Cancellation()
    with way.operator(cancellation=cancellation) as op:
        op.add_handler("w", idle(way))
        waiting = op.dispatch("w", 1)
        cancellation.cancel()
        with pytest.raises(MessageDroppedError, match="cancelled"):
            waiting.result(DEADLINE)
        with pytest.raises(OperatorClosedError):
            op.dispatch("w", 2)
        op.add_handler("late", idle(way))
        with pytest.raises(OperatorClosedError):
            op.dispatch("late", 3)


def test_an_operator_made_with_a_cancelled_cancellation_starts_nothing(way):
    cancellation = Cancellation()
    cancellation.cancel()
    with way.operator(cancellation=cancellation) as op:
        op.add_handler("w", idle(way))
        with pytest.raises(OperatorClosedError):
            op.start("w")


def test_a_cancellation_reaches_its_children_but_not_its_parent():
    parent = Cancellation()
    child, other = parent.child(), parent.child()
    grandchild = child.child()
    assert not child.wait(0)
    assert child.wait(timeout=0.001) is False
    child.cancel()
    child.cancel()
    assert [c.cancelled for c in (parent, child, other, grandchild)] == [False, True, False, True]
    parent.cancel()
    assert other.cancelled
    assert other.wait(DEADLINE) is True
    assert parent.child().cancelled
    for bad in (-1, math.nan, "1s"):
        with pytest.raises(ValueError, match=r"\Atimeout: "):
            parent.wait(bad)


def test_a_cancellation_wakes_who_waits_for_it():
    cancellation = Cancellation()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(cancellation.child().wait, DEADLINE) for _ in range(2)]
        cancellation.cancel()
        assert [each.result(DEADLINE) for each in waiting] == [True, True]
