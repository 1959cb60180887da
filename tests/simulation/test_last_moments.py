"""What comes in the last moment before a close or a removal, over many schedules."""

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from smoothop import (
    AsyncContext,
    Config,
    Context,
    HandleResult,
    MessageDroppedError,
    Operator,
    OperatorClosedError,
    SmoothopError,
    StopTimeoutError,
    WorkerExistsError,
    done,
    none,
)
from smoothop.engine.messages.mailbox import Mailbox
from smoothop.engine.waiting import Latch
from smoothop.engine.worker.replacing import replace
from smoothop.testing import SimMachine, Style
from smoothop.testing.carriers import Carriers

SEEDS = 400


def machines(carriers: Carriers, **style: float) -> list[SimMachine]:
    lines = (0.05, 0.2, 0.5)
    return [
        SimMachine(seed, Style(eager=0.7, by_line=lines[seed % 3], **style), carriers)
        for seed in range(SEEDS)
    ]


def dawdle(machine: SimMachine, most: int) -> None:
    """Let a few steps pass, so that the moments meet in every way."""
    for _ in range(int(machine.chance() * most)):
        machine.monotonic()


def close_at_once(operator: Operator) -> None:
    try:
        operator.close(timeout=0)
    except StopTimeoutError:
        pass


class ClosedInBetween:
    """The mailbox, of an operator that is closed when the first message has just been taken."""

    def __init__(self, mailbox: Mailbox, machine: SimMachine, operator: Operator) -> None:
        self.mailbox = mailbox
        self.machine = machine
        self.operator = operator
        self.then: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> object:
        return getattr(self.mailbox, name)

    def take(self) -> object:
        taken = self.mailbox.take()
        if not self.operator.is_closing:
            self.machine.start(lambda: close_at_once(self.operator), "closer").join()
            self.then()
        return taken


def test_a_worker_launched_while_its_loop_closes_still_comes_to_its_end() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _launch_late(machine))


def _launch_late(machine: SimMachine) -> None:
    launching, loop_closes = Latch(), Latch()

    class Slow(logging.Logger):
        """Holds the start of the late worker up until the loop is about to be closed."""

        def log(self, _level: int, message: object, *_: object, **extra: object) -> None:
            if message == "starting worker" and extra["extra"] == {"worker": "late"}:
                launching.set()
                loop_closes.wait(machine, None)

    async def handle(ctx: AsyncContext) -> HandleResult:
        await ctx.wait(10)
        return none()

    operator = Operator(_machine=machine, logger=Slow("slow"))
    operator.add_handler("early", handle)
    late = operator.add_handler("late", handle)
    operator.start("early")
    starter = machine.start(lambda: operator.start("late"), "starter")
    launching.wait(machine, None)
    loop = operator._means.loop_host()._crew.loop
    close_loop = loop.close

    def close_after_the_launch() -> None:
        loop_closes.set()
        starter.join()
        close_loop()

    loop.close = close_after_the_launch
    close_at_once(operator)
    machine.sleep(1)
    assert late.status == "stopped"


def test_a_worker_launched_in_the_last_round_of_its_loop_leaves_no_task_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = SimMachine(1)
    machine.run(lambda: _launch_in_the_last_round(machine))
    gc.collect()  # who is let go of then says so
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def _launch_in_the_last_round(machine: SimMachine) -> None:
    launching, loop_ends = Latch(), Latch()

    class Slow(logging.Logger):
        def log(self, _level: int, message: object, *_: object, **extra: object) -> None:
            if message == "starting worker" and extra["extra"] == {"worker": "late"}:
                launching.set()
                loop_ends.wait(machine, None)

    class Late:
        async def setup(self, ctx: AsyncContext) -> None:
            raise AssertionError("it is too late")

        async def handle(self, ctx: AsyncContext) -> HandleResult:
            return none(10)

    operator = Operator(_machine=machine, logger=Slow("slow"))

    async def early(ctx: AsyncContext) -> HandleResult:
        return none(10)

    operator.add_handler("early", early)
    late = operator.add_handler("late", Late())
    operator.start("early")
    starter = machine.start(lambda: operator.start("late"), "starter")
    launching.wait(machine, None)

    async def last_step() -> None:
        loop_ends.set()
        starter.join()
        await asyncio.sleep(0)  # the loop takes the call; who begins comes a round later

    operator._means.loop_host()._crew.loop.shutdown_asyncgens = last_step
    close_at_once(operator)
    machine.sleep(1)
    assert late.status == "stopped"


@pytest.mark.parametrize("run_in", ["thread", "pool"])
def test_a_start_that_a_close_overtakes_leaves_no_thread_behind(run_in: str) -> None:
    machine = SimMachine(1)
    # It ends only if all threads do.
    machine.run(lambda: _launch_after_close(machine, run_in))


def _launch_after_close(machine: SimMachine, run_in: str) -> None:
    launching, closed = Latch(), Latch()

    class Slow(logging.Logger):
        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "starting worker":
                launching.set()
                closed.wait(machine, None)

    async def handle(ctx: AsyncContext) -> HandleResult:
        return none(10)

    operator = Operator(_machine=machine, logger=Slow("slow"))
    late = operator.add_handler(
        "late",
        handle if run_in == "thread" else lambda ctx: none(10),
        Config(run_in=run_in),
    )
    refused: list[str] = []

    def start() -> None:
        try:
            operator.start("late")
        except SmoothopError as error:
            refused.append(str(error))

    starter = machine.start(start, "starter")
    launching.wait(machine, None)
    close_at_once(operator)
    closed.set()
    starter.join()
    assert refused == ["worker late could not be started: the operator is closed"]
    assert late.status == "stopped"
    assert operator._means.pool is None
    assert operator._means.host is None


def test_a_message_that_is_being_taken_while_close_gives_up_has_an_outcome() -> None:
    machine = SimMachine(2)
    machine.run(lambda: _take_late(machine))


def _take_late(machine: SimMachine) -> None:
    operator, handled = Operator(_machine=machine), []

    def handle(ctx: Context) -> HandleResult:
        handled.append(ctx.message)
        return none(1)

    operator.add_handler("slow", handle)
    operator.start("slow")
    machine.sleep(0.5)
    slot = operator._cores["slow"].run.slots[0]

    operator.dispatch("slow", "first")
    machine.sleep(2)
    slot._mailbox = ClosedInBetween(slot._mailbox, machine, operator)
    receipt = operator.dispatch("slow", "late")
    machine.sleep(1)
    assert handled == [None, "first", None]
    with pytest.raises(MessageDroppedError, match="the operator was closed"):
        receipt.result()


def test_close_settles_what_a_removal_that_is_held_up_has_not_come_to() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _remove_held_up(machine))


def _remove_held_up(machine: SimMachine) -> None:
    operator = Operator(_machine=machine)
    operator.add_handler("idle", lambda ctx: none(10))
    receipts = [operator.dispatch("idle", number) for number in range(3)]
    core = operator._cores["idle"]
    box = core.mailbox = ClosedInBetween(core.mailbox, machine, operator)
    done_by_then: list[bool] = []
    box.then = lambda: done_by_then.extend(receipt.done() for receipt in receipts)
    operator.remove_handler("idle").result()
    assert done_by_then == [False, True, True]
    assert all(receipt.done() for receipt in receipts)


def test_a_late_second_removal_leaves_alone_who_has_the_name_by_then() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _remove_late(machine))


def _remove_late(machine: SimMachine) -> None:
    operator = Operator(_machine=machine)

    def handle(ctx: Context) -> HandleResult:
        ctx.wait(10)
        return done()

    def remove() -> None:
        try:
            operator.remove_handler("name").result()
        except SmoothopError:
            pass

    operator.add_handler("name", handle)
    machine.start(remove, "second")
    dawdle(machine, 3)
    remove()
    try:
        view = operator.add_handler("name", handle)
        operator.start("name")
    except (WorkerExistsError, LookupError):
        pass
    else:
        machine.sleep(1)
        # It is there, or it was removed as a whole: it never runs on as nobody's.
        names = [worker.name for worker in operator.workers()]
        assert names == ["name"] or view.status == "stopped"
    operator.close()


@pytest.mark.parametrize("end", [lambda operator: operator.stop_all().wait(), Operator.close])
def test_who_ends_all_finds_the_threads_of_removed_workers_gone_as_well(end: Any) -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _remove_and_end(machine, end))


def _remove_and_end(machine: SimMachine, end: Callable[[Operator], object]) -> None:
    operator = Operator(_machine=machine)
    operator.add_handler("name", lambda ctx: none())
    operator.start("name")
    (thread,) = operator._cores["name"].threads
    operator.remove_handler("name")
    dawdle(machine, 20)
    end(operator)
    assert not thread.is_alive()
    operator.close()


@pytest.mark.parametrize("run_in", ["pool", "thread"])
def test_a_worker_that_is_asked_to_stop_only_after_a_second_close_still_stops(run_in: str) -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _close_twice(machine, run_in))


def _close_twice(machine: SimMachine, run_in: str) -> None:
    operator = Operator(_machine=machine)
    ends: list[str] = []

    class Idle:
        def handle(self, ctx: Context) -> HandleResult:
            return none(100)

        def teardown(self, ctx: Context) -> None:
            ends.append(ctx.worker)

    names = ["a", "b", "c"]
    views = [operator.add_handler(name, Idle(), Config(run_in=run_in)) for name in names]
    operator.start_all()
    machine.sleep(1)
    machine.start(lambda: close_at_once(operator), "second")
    dawdle(machine, 10)
    close_at_once(operator)
    machine.sleep(1)
    assert [view.status for view in views] == ["stopped"] * 3
    assert sorted(ends) == names


def test_a_stop_of_one_that_is_about_to_line_up_leaves_the_others_their_threads() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _stop_while_another_starts(machine))


def _stop_while_another_starts(machine: SimMachine) -> None:
    launched = {"first": Latch(), "other": Latch()}
    go_on = Latch()

    class Held(deque[Any]):
        def append(self, runner: Any) -> None:
            super().append(runner)
            launched[runner.name].set()
            go_on.wait(machine, None)

    operator = Operator(_machine=machine)
    operator._means.shared_threads()._launched = Held()
    for name, latch in launched.items():
        operator.add_handler(name, lambda ctx: none(100), Config(run_in="pool"))
        machine.start(lambda name=name: operator.start(name), f"starts {name}")
        latch.wait(machine, None)
    operator.stop("first").result()
    go_on.set()
    machine.sleep(1)
    assert operator.worker("other").snapshot().handled == 1
    assert operator.worker("first").snapshot().handled == 0
    operator.close()


def test_who_stops_all_while_another_closes_is_refused_or_waits_for_all() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _stop_all_while_another_closes(machine))


def _stop_all_while_another_closes(machine: SimMachine) -> None:
    operator = Operator(_machine=machine)

    def handle(ctx: Context) -> HandleResult:
        ctx.wait(10)
        machine.sleep(0.1)
        return none()

    view = operator.add_handler("slow", handle)
    operator.start("slow")
    machine.sleep(1)
    machine.start(lambda: close_at_once(operator), "closer")
    dawdle(machine, 10)
    try:
        operator.stop_all().wait()
    except OperatorClosedError:
        return
    assert view.status == "stopped"


@pytest.mark.parametrize("run_in", ["pool", "thread"])
def test_a_worker_without_a_thread_ends_once_whoever_stops_it(run_in: str) -> None:
    with Carriers() as carriers:
        for machine in machines(carriers, spawn_fails=1):
            machine.run(lambda machine=machine: _stop_without_thread(machine, run_in))


def _stop_without_thread(machine: SimMachine, run_in: str) -> None:
    operator = Operator(_machine=machine)
    view = operator.add_handler("name", lambda ctx: none(100), Config(run_in=run_in))
    stream = view.metrics()

    def stop() -> None:
        dawdle(machine, 15)
        operator.stop("name").result()

    machine.start(stop, "stopper")
    with suppress(SmoothopError):  # no thread; or none was needed, as the stop came first
        operator.start("name")
    machine.sleep(1)
    assert view.status == "stopped"
    assert [event.event for event in stream] == ["started", "stopped"]
    operator.close()


def test_who_stops_a_run_that_got_no_thread_finds_that_of_the_one_before_gone() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _stop_a_following_run(machine))


def _stop_a_following_run(machine: SimMachine) -> None:
    restarting: list[bool] = []
    alive: list[bool] = []

    class Follows(logging.Logger):
        """Lets another one stop the worker while it is being started again."""

        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "stopping worker":
                restarting.append(True)
            elif message == "starting worker" and restarting:
                machine.start(stop, "stopper")
                machine.sleep(0.1)

    def stop() -> None:
        operator.stop("name").result()
        alive.append(thread.is_alive())

    def no_thread(*_: object) -> None:
        raise RuntimeError("no thread")

    operator = Operator(_machine=machine, logger=Follows("follows"))
    operator.add_handler("name", lambda ctx: none(10))
    operator.start("name")
    machine.sleep(1)
    (thread,) = operator._cores["name"].threads
    machine.spawn = no_thread
    restarted = operator.update_config("name", max_panic_attempts=1)
    # Called on the worker's thread, after those who wait for the stop were told.
    restarted.add_done_callback(lambda _: machine.sleep(0.1))
    with pytest.raises(SmoothopError, match="no thread"):
        restarted.result()
    machine.sleep(1)
    assert alive == [False]
    del machine.spawn
    operator.close()


def test_a_start_that_a_close_refuses_is_nothing_that_did_not_stop() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _start_refused(machine))


def _start_refused(machine: SimMachine) -> None:
    operator = Operator(_machine=machine)
    operator.add_handler("name", lambda ctx: none(10))

    def start() -> None:
        dawdle(machine, 40)
        for _ in range(3):
            with suppress(SmoothopError):
                operator.start("name")

    machine.start(start, "starter")
    dawdle(machine, 40)
    operator.close()


def test_of_two_that_are_launched_beside_one_idle_thread_none_waits_for_the_other() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _launch_two(machine))


def _launch_two(machine: SimMachine) -> None:
    operator = Operator(_machine=machine)

    def block(ctx: Context) -> HandleResult:
        ctx.wait(60)
        return none(1000)

    for name in ("sleeper", "x", "y"):
        handler = (lambda ctx: none(1000)) if name == "sleeper" else block
        operator.add_handler(name, handler, Config(run_in="pool"))
    operator.start("sleeper")
    machine.sleep(1)  # its thread is idle, and the watch sleeps
    starters = [machine.start(lambda n=n: operator.start(n), n) for n in ("x", "y")]
    for starter in starters:
        starter.join()
    machine.sleep(30)
    assert [operator.worker(name).phase for name in ("x", "y")] == ["handling", "handling"]
    operator.close()


def test_a_stop_that_overtakes_a_launch_into_an_exhausted_pool_ends() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _stop_before_launch(machine))


def _stop_before_launch(machine: SimMachine) -> None:
    operator = Operator(_machine=machine, pool_size=1)

    def block(ctx: Context) -> HandleResult:
        machine.sleep(3600)
        return none()

    operator.add_handler("blocker", block, Config(run_in="pool"))
    operator.add_handler("late", lambda ctx: none(), Config(run_in="pool"))
    operator.start("blocker")
    machine.sleep(1)
    starter = machine.start(lambda: operator.start("late"), "starter")
    dawdle(machine, 15)
    assert operator.stop("late").wait(600)
    starter.join()
    operator.stop("late").result()
    close_at_once(operator)


def test_a_loop_that_is_wanted_after_the_close_is_not_made() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _want_loop_late(machine))  # it ends only if all threads do


def _want_loop_late(machine: SimMachine) -> None:
    launching, closed = Latch(), Latch()

    class Slow(logging.Logger):
        holds = False

        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "starting worker" and self.holds:
                launching.set()
                closed.wait(machine, None)

    async def handle(ctx: AsyncContext) -> HandleResult:
        return none(10)

    logger = Slow("slow")
    operator = Operator(_machine=machine, logger=logger)
    operator.add_handler("late", handle)
    errors: list[str] = []

    def start() -> None:
        try:
            operator.start("late")
        except SmoothopError as error:
            errors.append(str(error))

    def no_thread(*_: object) -> None:
        raise RuntimeError("no thread")

    spawn, machine.spawn = machine.spawn, no_thread
    start()  # so there is a host, which has no loop
    machine.spawn = spawn
    logger.holds = True
    starter = machine.start(start, "starter")
    launching.wait(machine, None)
    close_at_once(operator)
    closed.set()
    starter.join()
    why = "worker late could not be started: "
    assert errors == [why + "no thread", why + "the operator is closed"]


def test_two_new_sizes_of_a_mailbox_leave_it_with_the_one_that_its_config_has() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _resize_twice(machine))


def _resize_twice(machine: SimMachine) -> None:
    operator = Operator(_machine=machine)
    view = operator.add_handler("w", lambda ctx: none(10))
    threads = [
        machine.start(lambda size=size: operator.update_config("w", mailbox_size=size), f"{size}")
        for size in (1, 100)
    ]
    for thread in threads:
        thread.join()
    assert view.snapshot().mailbox_size == view.config.mailbox_size
    operator.close()


@pytest.mark.parametrize("run_in", ["thread", "pool"])
def test_a_close_in_the_middle_of_a_close_asks_all_to_stop(run_in: str) -> None:
    machine = SimMachine(1)
    machine.run(lambda: _close_in_between(machine, run_in))


def _close_in_between(machine: SimMachine, run_in: str) -> None:
    errors: list[BaseException | None] = []

    class Closing(logging.Logger):
        """Closes the operator when that is just being closed, as a signal handler may."""

        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "stopping worker" and not errors:
                errors.append(None)
                try:
                    operator.close(timeout=5)
                except StopTimeoutError as error:
                    errors[0] = error

    operator = Operator(_machine=machine, logger=Closing("closing"))
    views = [
        operator.add_handler(name, lambda ctx: none(1000), Config(run_in=run_in))
        for name in ("first", "second", "third")
    ]
    operator.start_all()
    machine.sleep(1)
    operator.close()
    assert errors == [None]
    assert [view.status for view in views] == ["stopped"] * 3


def test_what_was_set_up_is_torn_down_once_though_a_further_slot_gets_no_thread() -> None:
    with Carriers() as carriers:
        for machine in machines(carriers):
            machine.run(lambda machine=machine: _stop_while_a_slot_gets_no_thread(machine))


def _stop_while_a_slot_gets_no_thread(machine: SimMachine) -> None:
    calls: list[str] = []

    class Handler:
        def setup(self, ctx: Context) -> None:
            calls.append("setup")

        def handle(self, ctx: Context) -> HandleResult:
            return none(10)

        def teardown(self, ctx: Context) -> None:
            calls.append("teardown")

    def no_thread(*_: object) -> None:
        machine.monotonic()  # others may go on in this moment
        raise RuntimeError("no thread")

    operator = Operator(_machine=machine)
    view = operator.add_handler("w", Handler())
    operator.start("w")
    machine.sleep(1)
    stopper = machine.start(lambda: operator.stop("w"), "stopper")
    scaler = machine.start(lambda: operator.update_config("w", concurrency=2), "scaler")
    spawn, machine.spawn = machine.spawn, no_thread
    stopper.join()
    scaler.join()
    machine.sleep(1)
    machine.spawn = spawn
    assert view.status == "stopped"
    assert calls == ["setup", "teardown"]
    operator.close()


class NoThreadAtFirst:
    """Refuses so many threads, and then no more."""

    def __init__(self, machine: SimMachine, refusals: int) -> None:
        self.left = refusals
        self.spawn = machine.spawn

    def __call__(self, target: Callable[[], None], name: str) -> Any:
        if self.left:
            self.left -= 1
            raise RuntimeError("no thread")
        return self.spawn(target, name)


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_restart_that_is_wanted_while_a_start_fails_is_made_or_fails(refusals: int) -> None:
    machine = SimMachine(1)
    machine.run(lambda: _restart_while_start_fails(machine, refusals))


def _restart_while_start_fails(machine: SimMachine, refusals: int) -> None:
    restarts: list[Any] = []

    class Meanwhile(logging.Logger):
        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "starting worker" and not restarts:
                restarts.append(None)
                changing = machine.start(change, "changer")
                changing.join()

    def change() -> None:
        restarts[0] = operator.update_config("w", stop_grace=1)

    operator = Operator(_machine=machine, logger=Meanwhile("meanwhile"))
    view = operator.add_handler("w", lambda ctx: none(10))
    machine.spawn = NoThreadAtFirst(machine, refusals)
    with pytest.raises(SmoothopError, match="no thread"):
        operator.start("w")
    machine.sleep(1)
    if refusals == 1:
        restarts[0].result()
        assert view.status == "running"
    else:
        with pytest.raises(SmoothopError, match="no thread"):
            restarts[0].result()
        assert view.status == "stopped"
    operator.close()


def test_a_start_that_is_made_while_another_one_fails_is_not_dropped() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _start_while_start_fails(machine))


def _start_while_start_fails(machine: SimMachine) -> None:
    class Meanwhile(logging.Logger):
        is_first = True

        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "starting worker" and self.is_first:
                self.is_first = False
                operator.stop("w")
                operator.start("w")

    operator = Operator(_machine=machine, logger=Meanwhile("meanwhile"))
    view = operator.add_handler("w", lambda ctx: none(10))
    machine.spawn = NoThreadAtFirst(machine, 1)
    with pytest.raises(SmoothopError, match="no thread"):
        operator.start("w")
    machine.sleep(1)
    assert view.status == "running"
    operator.close()


def test_the_cancellation_of_a_stuck_call_does_not_reach_teardown() -> None:
    machine = SimMachine(1)
    assert machine.run(lambda: _come_back_just_before(machine)) == ["torn down"]


def _come_back_just_before(machine: SimMachine) -> list[str]:
    told: list[str] = []

    class Stopping(logging.Logger):
        """Asks the worker to stop when its slot is about to be replaced: nobody takes its place."""

        def log(self, _level: int, message: object, *_: object, **_extra: object) -> None:
            if message == "stuck slot replaced":
                operator.stop("w")

    class Stuck:
        async def handle(self, ctx: AsyncContext) -> HandleResult:
            slot = core.run.slots[0]  # type: ignore[union-attr]  # it runs
            replace(core, slot, slot.since, None)  # type: ignore[arg-type]  # in a call
            return none()

        async def teardown(self, ctx: AsyncContext) -> None:
            await asyncio.sleep(0.1)
            told.append("torn down")

    operator = Operator(_machine=machine, logger=Stopping("stopping"))
    operator.add_handler("w", Stuck())
    core = operator._cores["w"]
    operator.start("w")
    machine.sleep(1)
    operator.close()
    return told


def test_a_worker_that_a_signal_handler_starts_while_the_launched_line_up_is_no_surprise() -> None:
    machine = SimMachine(1)
    machine.run(lambda: _start_while_lining_up(machine))


def _start_while_lining_up(machine: SimMachine) -> None:
    class Interrupted(deque[Any]):
        """Starts another worker when it has just been seen that some are launched."""

        def __bool__(self) -> bool:
            some = len(self) > 0
            if some and len(names) > 1:
                operator.start(names.pop())
            return some

    operator = Operator(_machine=machine)
    names = ["first", "second"]
    views = [
        operator.add_handler(name, lambda ctx: none(100), Config(run_in="pool")) for name in names
    ]
    operator._means.shared_threads()._launched = Interrupted()
    operator.start("first")
    machine.sleep(1)
    assert [view.snapshot().handled for view in views] == [1, 1]
    operator.close()
