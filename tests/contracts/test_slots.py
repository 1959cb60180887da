"""Several calls of `handle` side by side: `Config.concurrency`."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.gates import DEADLINE, Gate
from support.ways import Way

from smoothop import (
    Config,
    HandlerPanickedError,
    MailboxFullError,
    SmoothopError,
    StopTimeoutError,
    done,
    none,
)
from smoothop.engine.machine import SystemMachine

ONLY = {"message_only": True, "panic_backoff": 0.001}


class Crew:
    """A message-only worker whose calls wait for each other, or for the gate they are given."""

    def __init__(self, op, way, concurrency, **config):
        self.way, self.log = way, []
        self.inside, self.most = 0, 0
        self.lock = threading.Lock()

        async def setup(ctx):
            self.log.append("setup")

        async def handle(ctx):
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            try:
                return await self.work(ctx)
            finally:
                with self.lock:
                    self.inside -= 1

        async def teardown(ctx):
            self.log.append(("teardown", self.inside))

        handler = way.handler(handle, setup=setup, teardown=teardown)
        self.view = op.add_handler("w", handler, Config(concurrency=concurrency, **ONLY, **config))

    async def work(self, ctx):
        task = ctx.message
        if isinstance(task, Held):
            task.entered.open()
            await self.way.passed(task.leave)
        elif isinstance(task, BaseException):
            raise task
        elif callable(task):
            return done(await task(ctx))
        return done(ctx.cancelled)


class Held:
    """A message whose call stays inside until it is let go."""

    def __init__(self):
        self.entered, self.leave = Gate("handle"), Gate("leave")


def hold(op, count):
    """Send that many messages and wait until all are being handled at once."""
    held = [Held() for _ in range(count)]
    receipts = [op.dispatch("w", one) for one in held]
    for one in held:
        one.entered.wait()
    return held, receipts


def let_go(held):
    for one in held:
        one.leave.open()


def test_as_many_calls_run_side_by_side_and_no_more(op, way):
    crew = Crew(op, way, 3)
    op.start("w")
    held, receipts = hold(op, 3)
    waiting = op.dispatch("w", None)
    assert not waiting.wait_delivered(0.02)
    assert [slot["phase"] for slot in crew.view.snapshot().slots] == ["handling"] * 3
    let_go(held)
    assert [receipt.result(DEADLINE) for receipt in receipts] == [False] * 3
    assert waiting.result(DEADLINE) is False
    assert crew.most == 3


def test_setup_comes_once_before_all_and_teardown_once_after_all(op, way):
    crew = Crew(op, way, 3)
    for _ in range(2):
        op.start("w")
        held, _ = hold(op, 3)
        stopped = op.stop("w")
        let_go(held)
        stopped.result(DEADLINE)
    assert crew.log == ["setup", ("teardown", 0)] * 2
    assert crew.view.snapshot().handled == 6


def test_a_worker_has_stopped_when_the_last_of_its_slots_has(op, way):
    crew = Crew(op, way, 2)
    op.start("w")
    held, receipts = hold(op, 2)
    stopped = op.stop("w")
    held[0].leave.open()
    assert receipts[0].result(DEADLINE) is True
    assert not stopped.wait(0.02)
    assert (op.status("w"), crew.view.phase) == ("running", "stopping")
    held[1].leave.open()
    stopped.result(DEADLINE)
    assert op.status("w") == "stopped"


def test_who_did_not_stop_in_time_is_told_with_the_stack_of_each_slot(op, way):
    Crew(op, way, 2)
    op.start("w")
    held, _ = hold(op, 2)
    with pytest.raises(StopTimeoutError) as caught:
        op.stop("w", timeout=0.01).result(DEADLINE)
    assert [line for line in caught.value.stuck["w"].splitlines() if "slot" in line][:1] == [
        "slot 0:"
    ]
    assert caught.value.stuck["w"].count("await self.way.passed(task.leave)") == 2
    assert str(caught.value).count("\n  w: File ") == 2
    let_go(held)


def test_the_panic_limit_of_all_slots_together_ends_the_worker(op, way):
    crew = Crew(op, way, 2, max_panic_attempts=2)
    op.start("w")
    ends = crew.view.metrics(kinds=("lifecycle",))
    held, receipts = hold(op, 1)
    for _ in range(2):
        with pytest.raises(SmoothopError):
            op.dispatch("w", ValueError("no")).result(DEADLINE)
    # The other slot finishes what it has in hand, whether it knows of the stop by then or not: who
    # sent a message is told of the panic first. Then all is over.
    let_go(held)
    receipts[0].result(DEADLINE)
    assert ends.get(DEADLINE).reason == "panic limit"
    op.stop("w").result(DEADLINE)
    shown = crew.view.snapshot()
    assert (shown.phase, shown.stop_reason, shown.panics) == ("failed", "panic limit", 2)
    assert crew.log == ["setup", ("teardown", 0)]


def test_what_another_slot_raises_at_the_last_panic_does_not_count(op, way):
    crew = Crew(op, way, 2, max_panic_attempts=1)
    op.start("w")
    entered, leave, raised, heard = Gate(), Gate(), Gate(), []

    async def panic_late(ctx):
        entered.open()
        await way.passed(leave)
        raise ValueError("late")

    def listen(record):
        """Let the other slot raise after the limit is reached, and before it is told of that."""
        heard.append(record.getMessage())
        if "max panic attempts reached" in heard and leave.is_open():
            raised.open()
        elif heard[-1] == "max panic attempts reached":
            leave.open()
            if not way.is_async:  # there the other one cannot come before this one goes on
                raised.wait()
        return True

    logging.getLogger("smoothop").addFilter(listen)
    try:
        op.dispatch("w", panic_late)
        entered.wait()
        with pytest.raises(SmoothopError):
            op.dispatch("w", ValueError("first")).result(DEADLINE)
        op.stop("w").result(DEADLINE)
    finally:
        logging.getLogger("smoothop").removeFilter(listen)
    assert heard.count("panic recovered") == heard.count("max panic attempts reached") == 1
    assert crew.view.snapshot().panics == 1


def test_slots_are_added_and_taken_away_without_a_restart(op, way):
    crew = Crew(op, way, 1)
    op.start("w")
    held, _ = hold(op, 1)
    op.update_config("w", concurrency=4).result(DEADLINE)
    more, _ = hold(op, 3)
    scaled = op.update_config("w", concurrency=2)
    more[0].leave.open()
    more[1].leave.open()
    scaled.result(DEADLINE)  # two have ended; the other two are still inside
    assert len(crew.view.snapshot().slots) == 2
    assert crew.log == ["setup"]
    assert crew.view.config.concurrency == 2
    let_go([*held, more[2]])
    again, receipts = hold(op, 2)
    let_go(again)
    assert [receipt.result(DEADLINE) for receipt in receipts] == [False, False]
    assert (crew.view.snapshot().starts, crew.most) == (1, 4)


def test_a_surplus_slot_ends_after_its_handle(op, way):
    crew = Crew(op, way, 2)
    op.start("w")
    held, receipts = hold(op, 2)
    scaled = op.update_config("w", concurrency=1)
    assert not scaled.wait(0.02)
    assert len(crew.view.snapshot().slots) == 2
    let_go(held)
    scaled.result(DEADLINE)
    assert [receipt.result(DEADLINE) for receipt in receipts] == [False, False]


def test_no_message_is_left_lying_while_slots_come_and_go(op, way):
    crew = Crew(op, way, 4)
    op.start("w")
    receipts = []
    for round_ in range(60):
        op.update_config("w", concurrency=1 + round_ % 4)
        receipts += [op.dispatch("w", None) for _ in range(3)]
    assert [receipt.result(DEADLINE) for receipt in receipts] == [False] * 180
    assert crew.view.snapshot().starts == 1


def test_the_number_of_a_stopped_worker_counts_from_its_next_start(op, way):
    Crew(op, way, 1)
    op.update_config("w", concurrency=3).result(DEADLINE)
    op.start("w")
    held, _ = hold(op, 3)
    let_go(held)


def test_a_handler_may_wait_for_a_message_to_itself_that_another_slot_can_handle(op, way):
    Crew(op, way, 2)
    op.start("w")

    async def ask(ctx):
        return await way.result(await ctx.dispatch("w", None))

    assert op.dispatch("w", ask).result(DEADLINE) is False


def test_a_handler_waits_for_room_in_its_own_mailbox_if_another_slot_can_make_some(op, way):
    Crew(op, way, 2, mailbox_size=1)
    op.start("w")
    held, _ = hold(op, 1)

    async def fill(ctx):
        op.dispatch("w", None, timeout=0)
        held[0].leave.open()
        return await way.result(await ctx.dispatch("w", None))

    assert op.dispatch("w", fill).result(DEADLINE) is False


def test_the_last_slot_that_waits_for_a_message_to_its_worker_is_refused(op, way):
    Crew(op, way, 2)
    op.start("w")
    outcomes = []

    async def ask(ctx):
        try:
            return await way.result(await ctx.dispatch("w", None))
        except SmoothopError as error:
            outcomes.append(str(error))
            return "refused"

    answers = [op.dispatch("w", ask) for _ in range(2)]
    assert {answer.result(DEADLINE) for answer in answers} <= {"refused", False}
    assert all("these workers wait for each other: w -> w" in text for text in outcomes)


def test_when_all_slots_wait_for_room_in_their_own_mailbox_one_is_refused(op, way):
    Crew(op, way, 2, mailbox_size=1)
    op.start("w")
    entered, go, refused = [Gate(), Gate()], Gate(), Gate()

    def push(number):
        async def push(ctx):
            entered[number].open()
            await way.passed(go)
            try:
                for _ in range(2):
                    await ctx.dispatch("w", None)
            except MailboxFullError:
                refused.open()

        return push

    for number in range(2):
        op.dispatch("w", push(number))
        entered[number].wait()
    go.open()
    refused.wait()


def test_a_handler_that_waits_for_the_stop_of_its_own_worker_is_refused_in_any_slot(op, way):
    Crew(op, way, 3)
    op.start("w")

    async def stop(ctx):
        with pytest.raises(SmoothopError, match="waits inside its own handler for its own stop"):
            await way.done(op.stop("w"))
        return "refused"

    assert op.dispatch("w", stop).result(DEADLINE) == "refused"


def test_a_handler_may_wait_until_its_worker_has_fewer_slots(op, way):
    crew = Crew(op, way, 3)
    op.start("w")

    async def scale(ctx):
        await way.done(op.update_config("w", concurrency=1))
        return len(crew.view.snapshot().slots)

    assert op.dispatch("w", scale).result(DEADLINE) == 1


def test_polling_slots_poll_side_by_side(op, way):
    gates = [Gate(), Gate()]
    all_inside = threading.Lock()
    calls = []

    async def handle(ctx):
        with all_inside:
            calls.append(ctx)
            mine = gates[len(calls) - 1] if len(calls) <= 2 else None
        if mine is not None:
            mine.open()
            await way.passed(gates[1])
        return none(3600)

    op.add_handler("w", way.handler(handle), Config(concurrency=2))
    op.start("w")
    gates[1].wait()


def test_a_stop_ends_a_wait_for_a_message_that_only_the_own_worker_could_handle(op, way):
    Crew(op, way, 2)
    op.start("w")
    held, _ = hold(op, 1)
    waits, told = Gate(), []

    async def ask(ctx):
        receipt = await ctx.dispatch("w", None)
        waits.open()
        try:
            await way.result(receipt)
        except SmoothopError as error:
            told.append(str(error))

    op.dispatch("w", ask)
    waits.wait()
    stopped = op.stop("w")
    held[0].leave.open()
    stopped.result(DEADLINE)
    (text,) = told
    assert "would never end" in text


def test_messages_from_several_senders_are_each_handled_once(op, way):
    handled, lock = [], threading.Lock()

    async def handle(ctx):
        with lock:
            handled.append(ctx.message)
        if ctx.message % 10 == 3:
            raise ValueError(ctx.message)
        return done(ctx.message)

    op.add_handler("w", way.handler(handle), Config(concurrency=4, mailbox_size=16, **ONLY))
    op.start("w")

    def send(numbers):
        return [op.dispatch("w", number) for number in numbers]

    def outcome(receipt):
        try:
            return receipt.result(DEADLINE)
        except HandlerPanickedError as error:
            return error.__cause__.args[0]

    with ThreadPoolExecutor(4) as senders:
        sent = senders.map(send, [range(first, 400, 4) for first in range(4)])
        outcomes = [outcome(receipt) for receipts in sent for receipt in receipts]
    assert sorted(outcomes) == sorted(handled) == list(range(400))


def test_a_slot_that_gets_no_thread_is_told_and_the_worker_goes_on_with_fewer(caplog):
    class Short(SystemMachine):
        """Gives a worker two threads."""

        def spawn(self, target, name):
            if name.endswith("#2"):
                raise RuntimeError("can't start new thread")
            return super().spawn(target, name)

    way = Way()
    with way.operator(_machine=Short()) as op:
        crew = Crew(op, way, 4)
        op.start("w")
        held, _ = hold(op, 2)
        shown = crew.view.snapshot()
        assert ([slot["number"] for slot in shown.slots], shown.status) == ([0, 1], "running")
        assert shown.last_error == "RuntimeError: can't start new thread"
        assert "slot could not be started: can't start new thread" in caplog.messages
        op.update_config("w", concurrency=5).result(DEADLINE)  # tried again, and again in vain
        let_go(held)
        assert op.dispatch("w", None).result(DEADLINE) is False
