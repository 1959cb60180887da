"""Calls of `handle` that take longer than `Config.stuck_after`."""

import asyncio
import logging
import threading
from contextlib import suppress

import pytest
from support.gates import DEADLINE, Gate
from support.ways import LoopWay, PoolWay

from smoothop import Config, MessageDroppedError, Operator, StopTimeoutError, done, none
from smoothop.engine.worker.replacing import MOST_ABANDONED
from smoothop.testing import SimMachine

SOON = 0.05
QUICK = {"message_only": True, "stuck_after": SOON, "stop_grace": 0.01}


class Listening(logging.Handler):
    """Waits for a log record that begins in this way."""

    def __init__(self, begin):
        super().__init__()
        self.begin, self.records, self.came = begin, [], Gate(begin)

    def emit(self, record):
        if record.getMessage().startswith(self.begin):
            self.records.append(record)
            self.came.open()

    def record(self):
        self.came.wait()
        return self.records[0]

    def __enter__(self):
        logging.getLogger("smoothop").addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger("smoothop").removeHandler(self)


@pytest.fixture
def looped():
    way = LoopWay()
    with way.operator() as op:
        yield op, way


class Hanging:
    """A message-only worker whose calls hang until they are let go."""

    def __init__(self, op, way, name="w", **config):
        self.way, self.leave = way, Gate("leave")
        self.entered = Gate("handle")

        async def handle(ctx):
            if ctx.message == "hang":
                self.entered.open()
                leave = self.leave
                while not leave.is_open():
                    # A task is cancelled when it is replaced; this one holds out, as a thread does.
                    with suppress(asyncio.CancelledError):
                        await way.passed(leave)  # the line it stands at
            return done(ctx.message)

        self.view = op.add_handler(name, way.handler(handle), Config(**QUICK | config))
        self.events = self.view.metrics(kinds=["stuck"])
        op.start(name)


def test_a_call_that_takes_too_long_is_told_once_with_the_line_it_stands_at(op, way, caplog):
    caplog.set_level(logging.WARNING, logger="smoothop")
    hanging = Hanging(op, way)
    receipt = op.dispatch("w", "hang")
    event = hanging.events.get(DEADLINE)
    assert (event.worker, event.duration >= SOON) == ("w", True)
    assert "await way.passed(leave)  # the line it stands at" in event.stack
    assert hanging.view.snapshot().stuck is True
    assert [slot["stuck"] for slot in hanging.view.snapshot().slots] == [True]
    (record,) = [one for one in caplog.records if one.message == "handler stuck"]
    assert (record.worker, record.duration, record.stack) == ("w", event.duration, event.stack)
    assert record.levelno == logging.WARNING
    assert logging.Formatter().format(record) == f"handler stuck\n{event.stack}"
    hanging.leave.open()
    assert receipt.result(DEADLINE) == "hang"
    assert op.dispatch("w", 2).result(DEADLINE) == 2
    assert hanging.view.snapshot().stuck is False
    assert [entry["event"] for entry in hanging.view.snapshot().history] == ["started", "stuck"]
    with pytest.raises(TimeoutError):
        hanging.events.get(0)


def test_each_call_that_is_stuck_is_told_of(op, way):
    hanging = Hanging(op, way)
    for _ in range(2):
        hanging.leave = Gate()
        receipt = op.dispatch("w", "hang")
        assert hanging.events.get(DEADLINE).worker == "w"
        hanging.leave.open()
        receipt.result(DEADLINE)


def test_each_slot_is_judged_for_itself(op, way):
    hanging = Hanging(op, way, concurrency=3)
    op.dispatch("w", "hang")
    hanging.events.get(DEADLINE)
    assert op.dispatch("w", 1).result(DEADLINE) == 1
    stuck = [slot["stuck"] for slot in hanging.view.snapshot().slots]
    assert (sorted(stuck), hanging.view.snapshot().stuck) == ([False, False, True], True)
    hanging.leave.open()


def test_an_idle_worker_and_one_without_a_limit_are_never_stuck(op, way):
    hanging = Hanging(op, way)
    other = Hanging(op, way, "other", stuck_after=0)
    op.dispatch("other", "hang")
    other.entered.wait()
    idle = Hanging(op, way, "idle")
    op.dispatch("w", "hang")
    assert hanging.events.get(DEADLINE).worker == "w"
    assert [view.snapshot().stuck for view in (other.view, idle.view)] == [False, False]
    other.leave.open()
    hanging.leave.open()


def test_the_watchdog_is_there_only_while_somebody_asks_for_it(op, way):
    def is_there():
        return "smoothop-watchdog" in {thread.name for thread in threading.enumerate()}

    Hanging(op, way, stuck_after=0)
    assert not is_there()
    op.update_config("w", stuck_after=1).result(DEADLINE)
    assert is_there()


def test_who_waits_in_line_for_a_thread_of_the_pool_is_not_stuck():
    way = PoolWay()
    with way.operator(pool_size=1) as op:
        busy = Gate()

        def handle(ctx):
            busy.open()
            return done()

        hog = Hanging(op, way, "hog", stuck_after=0)
        view = op.add_handler("busy", handle, Config(run_in="pool", stuck_after=SOON))
        op.start("busy")
        busy.wait()
        op.dispatch("hog", "hang")
        hog.entered.wait()
        with pytest.raises(TimeoutError):
            view.metrics(kinds=["stuck"]).get(4 * SOON)
        hog.leave.open()


# -- replacing


def test_a_stuck_slot_is_replaced_and_its_message_given_up(op, way, caplog):
    caplog.set_level(logging.WARNING, logger="smoothop")
    hanging = Hanging(op, way, on_stuck="replace")
    receipt = op.dispatch("w", "hang")
    with pytest.raises(MessageDroppedError, match="was stuck with the message and was replaced"):
        receipt.result(DEADLINE)
    assert op.dispatch("w", 2).result(DEADLINE) == 2
    assert "stuck slot replaced" in caplog.messages
    assert hanging.view.config.concurrency == 1
    numbers = [(one["number"], one["abandoned"]) for one in hanging.view.snapshot().slots]
    assert numbers == [(0, True), (1, False)]
    hanging.leave.open()


def test_what_an_abandoned_slot_does_late_changes_nothing(op, way):
    hanging = Hanging(op, way, on_stuck="replace")
    receipt = op.dispatch("w", "hang")
    with pytest.raises(MessageDroppedError):
        receipt.result(DEADLINE)
    op.dispatch("w", 2).result(DEADLINE)
    handled = hanging.view.metrics(kinds=["handle"])
    hanging.leave.open()
    assert handled.get(DEADLINE).duration > SOON  # it has come back
    with pytest.raises(MessageDroppedError):
        receipt.result(DEADLINE)
    assert op.dispatch("w", 3).result(DEADLINE) == 3
    op.stop("w").result(DEADLINE)
    assert hanging.view.snapshot().panics == 0


def test_a_worker_has_stopped_only_when_its_abandoned_slots_have_ended(op, way):
    hanging = Hanging(op, way, on_stuck="replace")
    with pytest.raises(MessageDroppedError):
        op.dispatch("w", "hang").result(DEADLINE)
    with pytest.raises(StopTimeoutError) as caught:
        op.stop("w", timeout=0.02).result(DEADLINE)
    assert "await way.passed(leave)  # the line it stands at" in caught.value.stuck["w"]
    assert op.status("w") == "running"
    hanging.leave.open()
    op.stop("w").result(DEADLINE)


def test_there_is_an_end_to_replacing(op, way):
    hanging = Hanging(op, way, on_stuck="replace")
    for _ in range(MOST_ABANDONED):
        with pytest.raises(MessageDroppedError):
            op.dispatch("w", "hang").result(DEADLINE)
        assert hanging.events.get(DEADLINE)
    leave, hanging.leave = hanging.leave, Gate("leave, last of all")
    with Listening("stuck slot is not replaced") as refused:
        last = op.dispatch("w", "hang")
        record = refused.record()
    hanging.leave.open()
    assert last.result(DEADLINE) == "hang"
    assert record.levelno == logging.ERROR
    assert record.getMessage().endswith(f": {MOST_ABANDONED} are abandoned")
    assert op.dispatch("w", 2).result(DEADLINE) == 2
    leave.open()


def test_who_was_stuck_when_too_many_were_abandoned_is_replaced_when_they_have_ended(op, way):
    hanging = Hanging(op, way, on_stuck="replace")
    for _ in range(MOST_ABANDONED):
        with pytest.raises(MessageDroppedError):
            op.dispatch("w", "hang").result(DEADLINE)
    leave, hanging.leave = hanging.leave, Gate("the last one")
    with Listening("stuck slot is not replaced") as refused:
        last = op.dispatch("w", "hang")
        refused.record()
        leave.open()
        with pytest.raises(MessageDroppedError, match="was replaced"):
            last.result(DEADLINE)
    assert op.dispatch("w", 2).result(DEADLINE) == 2
    assert len(refused.records) == 1
    hanging.leave.open()


def test_to_end_the_process_is_up_to_who_owns_it(op, way):
    hanging = Hanging(op, way, on_stuck="exit")
    receipt = op.dispatch("w", "hang")
    assert hanging.events.get(DEADLINE).worker == "w"
    hanging.leave.open()
    assert receipt.result(DEADLINE) == "hang"


def test_a_stuck_call_that_ends_before_its_slot_is_replaced_is_not_the_last_of_its_worker(op, way):
    leave, again, calls = Gate("leave"), Gate("the second call"), []

    async def handle(ctx):
        calls.append("handle")
        if len(calls) == 1:
            await way.passed(leave)
        else:
            again.open()
        return none(3600)

    async def teardown(ctx):
        calls.append("teardown")

    class Slow(logging.Handler):
        """Keeps the watchdog from opening the new slot until the worker has gone on."""

        def emit(self, record):
            if record.getMessage() == "stuck slot replaced":
                leave.open()
                again.wait()

    slow = Slow()
    logging.getLogger("smoothop").addHandler(slow)
    try:
        config = Config(stuck_after=SOON, on_stuck="replace")
        op.add_handler("w", way.handler(handle, teardown=teardown), config)
        op.start("w")
        again.wait()
        op.stop("w").result(DEADLINE)
    finally:
        logging.getLogger("smoothop").removeHandler(slow)
    assert calls == ["handle", "handle", "teardown"]


# -- the event loop


def test_the_task_of_a_replaced_slot_is_cancelled(looped):
    op, _ = looped

    async def handle(ctx):
        if ctx.message is not None:
            await asyncio.sleep(3600)
        return done()

    view = op.add_handler("w", handle, Config(on_stuck="replace", **QUICK))
    events = view.metrics()
    op.start("w")
    with pytest.raises(MessageDroppedError, match="replaced"):
        op.dispatch("w", "hang").result(DEADLINE)
    assert op.dispatch("w", None).result(DEADLINE) is None
    op.stop("w").result(DEADLINE)
    assert view.snapshot().panics == 0
    assert [event.kind for event in events].count("handle") == 1


def blocking(op, leave, name, **config):
    async def handle(ctx):
        leave.wait()  # it blocks the loop here
        return done()

    view = op.add_handler(name, handle, Config(message_only=True, **config))
    op.start(name)
    return view


def test_who_blocks_the_loop_is_blamed_and_not_who_waits_for_it(looped):
    op, _ = looped
    leave, waiting = Gate(), Gate()

    async def wait(ctx):
        waiting.open()
        await asyncio.sleep(0.02)
        return none(0)

    events = op.metrics(kinds=["stuck"])
    # Ten times what it takes, so that a busy machine does not make it stuck by itself.
    victim = op.add_handler("victim", wait, Config(stuck_after=4 * SOON))
    op.start("victim")
    waiting.wait()
    blocking(op, leave, "blocker", stuck_after=8 * SOON)
    op.dispatch("blocker", None)
    event = events.get(DEADLINE)
    assert event.worker == "blocker"
    assert "leave.wait()  # it blocks the loop here" in event.stack
    assert victim.snapshot().stuck is False
    leave.open()
    with pytest.raises(TimeoutError):
        events.get(3 * SOON)


@pytest.mark.parametrize("run_in", ["thread", "pool", "loop"])
def test_a_call_that_keeps_the_interpreter_to_itself_is_told_when_it_has_let_go(run_in):
    def keep():
        sum(range(50_000_000))  # without a step of the interpreter
        return none(3600)

    async def keep_on_loop(_):
        return keep()

    with Operator() as op:
        config = Config(stuck_after=SOON, run_in="thread" if run_in == "loop" else run_in)
        handler = keep_on_loop if run_in == "loop" else lambda _: keep()
        worker = op.add_handler("w", handler, config)
        events = worker.metrics(kinds=["stuck"])
        with Listening("handler stuck") as stuck:
            op.start("w")
            event = events.get(DEADLINE)
            assert stuck.record().worker == "w"
        assert event.duration >= SOON
        with pytest.raises(TimeoutError):  # once
            events.get(3 * SOON)


def test_a_setup_that_blocks_the_loop_is_told_of_for_its_own_worker(looped):
    op, _ = looped
    leave = Gate()

    async def wait(ctx):
        return none(3600)

    class SetsUp:
        async def setup(self, ctx):
            leave.wait()  # it blocks the loop here

        async def handle(self, ctx):
            return none(3600)

    events = op.metrics(kinds=["stuck"])
    victim = op.add_handler("victim", wait, Config(stuck_after=SOON))
    blocker = op.add_handler("sets-up", SetsUp(), Config(stuck_after=SOON))
    op.start_all()
    event = events.get(DEADLINE)
    stuck = blocker.snapshot().stuck, victim.snapshot().stuck
    leave.open()
    assert (event.worker, stuck) == ("sets-up", (True, False))
    assert "leave.wait()  # it blocks the loop here" in event.stack


def test_a_task_of_nobody_that_blocks_the_loop_is_named_with_its_line(looped):
    op, _ = looped
    leave, tasks = Gate(), []

    async def block():
        leave.wait()  # it blocks the loop here

    async def handle(ctx):
        tasks.append(asyncio.create_task(block(), name="left over"))
        return none(3600)

    worker = op.add_handler("w", handle, Config(stuck_after=SOON))
    events = worker.metrics(kinds=["stuck"])
    with Listening("event loop blocked") as blocked:
        op.start("w")
        record = blocked.record()
    event, snapshot = events.get(DEADLINE), worker.snapshot()
    leave.open()
    assert "leave.wait()  # it blocks the loop here" in event.stack
    assert snapshot.stuck is True
    assert snapshot.history[-1]["detail"] == record.getMessage()
    assert record.getMessage() == "event loop blocked by task 'left over'"
    assert "leave.wait()  # it blocks the loop here" in record.stack


# -- time


def test_a_suspended_machine_raises_no_false_alarm():
    machine, told = SimMachine(1), []

    def main():
        operator = Operator(_machine=machine)

        def handle(ctx):
            ctx.wait(4)
            return none(1)

        events = operator.add_handler("w", handle, Config(stuck_after=6)).metrics(kinds=["stuck"])
        operator.start("w")
        for _ in range(50):
            machine.sleep(3.3)
            machine.stall(3600)
        operator.close()
        told.extend(events)

    machine.run(main)
    assert told == []


def test_under_virtual_time_a_stuck_call_is_told_within_its_limit_and_three_steps():
    machine, told = SimMachine(2), []

    def main():
        operator = Operator(_machine=machine)
        operator.add_handler("w", lambda ctx: ctx.wait(100) and done(), Config(stuck_after=60))
        events = operator.metrics(kinds=["stuck"])
        operator.start("w")
        machine.sleep(99)
        operator.close()
        told.extend(events)

    machine.run(main)
    (event,) = told
    assert 60 <= event.duration <= 61.5


def test_after_teardown_nothing_is_handled_although_a_new_slot_could_be_launched_only_then():
    class Scarce(SimMachine):
        refuses = False

        def spawn(self, target, name):
            if self.refuses:
                raise RuntimeError("can't start new thread")
            return super().spawn(target, name)

    machine, calls = Scarce(3), []

    class Handler:
        def handle(self, ctx):
            calls.append("handle")
            machine.refuses = True
            machine.sleep(3)
            return done()

        def teardown(self, ctx):
            calls.append("teardown")
            machine.refuses = False

    def main():
        operator = Operator(_machine=machine)
        view = operator.add_handler("w", Handler(), Config(stuck_after=1, on_stuck="replace"))
        operator.start("w")
        machine.sleep(10)
        calls.append(view.status)
        operator.close()

    machine.run(main)
    assert calls == ["handle", "teardown", "stopped"]


def test_one_that_waits_for_an_object_that_cannot_be_looked_at_is_told_of_as_well(looped):
    op, _ = looped
    leave = Gate()

    class Odd:
        def __await__(self):
            return self

        def __iter__(self):
            return self

        def __next__(self):
            if leave.is_open():
                raise StopIteration
            # to the loop: go on in the next round

        def __getattr__(self, name):
            raise SystemExit(name)

    async def handle(ctx):
        await Odd()  # the line it stands at
        return done()

    view = op.add_handler("odd", handle, Config(**QUICK))
    events = view.metrics(kinds=["stuck"])
    op.start("odd")
    receipt = op.dispatch("odd", None)
    assert "await Odd()  # the line it stands at" in events.get(DEADLINE).stack
    leave.open()
    receipt.result(DEADLINE)
