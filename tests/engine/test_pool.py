"""The threads of the pool: how many there are, who gets one, and what is said when none is left.

On virtual time, over several schedules; the contract itself is tested in tests/contracts, on this
way of running as on the others.
"""

from __future__ import annotations

import logging
import threading
from contextvars import ContextVar
from itertools import pairwise

import pytest

from smoothop import (
    Config,
    MessageDroppedError,
    Operator,
    SmoothopError,
    StopTimeoutError,
    done,
    none,
)
from smoothop.engine.runners.pool.crew import RETIRED_AFTER
from smoothop.engine.runners.pool.pool import Pool
from smoothop.engine.runners.pool.watch import SLOW_TICK
from smoothop.engine.waiting import Latch
from smoothop.testing import SimMachine, Style

POOL = Config(run_in="pool")
ONLY = Config(run_in="pool", message_only=True)
LONG = 3600


class World:
    """An operator on a simulated machine."""

    def __init__(self, seed, **options):
        self.machine = SimMachine(f"pool {seed}", Style(eager=0.5))
        self.options = options

    def run(self, scenario):
        """Call `scenario` with the operator, as the first thread, and close it."""

        def main():
            with Operator(_machine=self.machine, **self.options) as self.op:
                return scenario()

        return self.machine.run(main)

    def carriers(self):
        """Return how many threads its pool has, without the watch."""
        return 0 if self.op._means.pool is None else len(self.op._means.pool.crew.carriers)

    def block(self, seconds):
        """Return a handler that blocks once, for so long."""

        def handle(ctx):
            self.machine.sleep(seconds)
            return none(LONG)

        return handle

    def add(self, number, handler, config=POOL):
        """Add and start workers with that handler."""
        for index in range(number):
            self.op.add_handler(f"w{index}", handler, config)
        self.op.start_all()


@pytest.fixture(params=range(10))
def seed(request):
    return request.param


def test_no_operator_has_a_thread_before_a_worker_of_the_pool_starts():
    before = threading.active_count()
    with Operator() as op:
        op.add_handler("w", lambda ctx: none(LONG), POOL)
        assert threading.active_count() == before


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None, "64"])
def test_a_wrong_pool_size_is_refused_by_name(size):
    with pytest.raises(ValueError, match=r"\Apool_size: a whole number of at least 1, not "):
        Operator(pool_size=size)


def test_idle_workers_share_one_thread(seed):
    world = World(seed)

    def scenario():
        world.add(200, lambda ctx: none(LONG))
        world.machine.sleep(1)
        assert [worker.phase for worker in world.op.workers()] == ["idle"] * 200
        return world.carriers()

    assert world.run(scenario) == 1


def test_a_sleep_ends_on_time(seed):
    world, times = World(seed), []

    def tick(ctx):
        times.append(world.machine.now())
        return none(0.25)

    def scenario():
        world.add(1, tick)
        world.machine.sleep(2)

    world.run(scenario)
    assert len(times) == 8
    assert all(0.25 <= b - a < 0.2501 for a, b in pairwise(times))


@pytest.mark.parametrize("seed", range(30))
def test_a_message_that_comes_just_as_the_worker_lies_down_wakes_it(seed):
    world = World(seed)
    world.machine = SimMachine(seed, Style(eager=0.6, by_line=0.1))

    def scenario():
        world.add(1, lambda ctx: done(ctx.message), ONLY)
        return [world.op.dispatch("w0", number).result(1) for number in range(10)]

    assert world.run(scenario) == list(range(10))


def test_handlers_that_block_get_as_many_threads_as_there_may_be(seed):
    world, names = World(seed, pool_size=8), []

    def handle(ctx):
        names.append(world.machine.thread_name())
        world.machine.sleep(0.1)
        return none(LONG)

    def scenario():
        began = world.machine.now()
        world.add(16, handle)
        world.machine.sleep_until(lambda: len(names) == 16, 10)
        return world.machine.now() - began, world.carriers()

    took, carriers = world.run(scenario)
    assert carriers == 8
    assert {name.partition("#")[0] for name in names} == {f"smoothop-pool-{n}" for n in range(1, 9)}
    assert took < 0.2


def test_threads_that_have_nothing_to_do_are_let_go_up_to_one(seed):
    world = World(seed)

    def scenario():
        world.add(20, world.block(0.1))
        world.machine.sleep(0.09)
        most = world.carriers()
        world.machine.sleep(2 * RETIRED_AFTER)
        return most, world.carriers()

    assert world.run(scenario) == (20, 1)


def test_the_last_thread_goes_when_no_worker_runs_any_more(seed):
    world = World(seed)

    def scenario():
        world.add(3, lambda ctx: none(LONG))
        world.machine.sleep(1)
        world.op.stop_all().result()
        world.machine.sleep(2 * RETIRED_AFTER)
        assert not world.op._means.pool._watch._runs
        assert world.carriers() == 0
        world.op.start_all()  # and comes back
        world.machine.sleep(1)
        return world.carriers()

    assert world.run(scenario) == 1


def test_nothing_happens_while_nothing_is_due():
    world = World(0)

    def scenario():
        world.add(50, lambda ctx: none(LONG))
        world.machine.sleep(2 * RETIRED_AFTER)
        before = world.machine.steps
        world.machine.sleep(LONG / 2)
        return world.machine.steps - before

    assert world.run(scenario) < 5


def test_a_worker_without_a_pause_leaves_the_others_their_share(seed):
    world = World(seed, pool_size=1)

    def scenario():
        for name in ("busy", "also busy"):
            world.op.add_handler(name.replace(" ", "-"), lambda ctx: done(), POOL)
        world.op.add_handler("asked", lambda ctx: done(ctx.message), ONLY)
        world.op.start_all()
        world.machine.sleep(0.02)
        began = world.machine.now()
        assert world.op.dispatch("asked", 1).result() == 1
        took = world.machine.now() - began
        handled = [world.op.worker(name).snapshot().handled for name in ("busy", "also-busy")]
        return took, max(handled) / min(handled)

    took, ratio = world.run(scenario)
    assert took < 0.01
    assert ratio < 2


def test_what_is_due_is_not_kept_waiting_by_a_busy_worker(seed):
    world, times = World(seed, pool_size=1), []

    def tick(ctx):
        times.append(world.machine.now())
        return none(0.01)

    def scenario():
        world.op.add_handler("busy", lambda ctx: done(), POOL)
        world.op.add_handler("ticks", tick, POOL)
        world.op.start_all()
        world.machine.sleep(0.1)

    world.run(scenario)
    assert max(b - a for a, b in pairwise(times)) < 0.013


def test_a_handler_may_wait_for_another_worker_of_the_pool(seed):
    world = World(seed, pool_size=2)

    def asks(ctx):
        return done(ctx.dispatch("answers", ctx.message).result())

    def scenario():
        world.op.add_handler("asks", asks, ONLY)
        world.op.add_handler("answers", lambda ctx: done(ctx.message + 1), ONLY)
        world.op.start_all()
        return world.op.dispatch("asks", 1).result(1)

    assert world.run(scenario) == 2


def test_an_exhausted_pool_is_reported_once_with_who_blocks_and_where(seed, caplog):
    caplog.set_level(logging.WARNING, "smoothop")
    world, released = World(seed, pool_size=2), [Latch(), Latch()]

    def blocks_here(ctx):
        released[0].wait(world.machine, None)
        released[1].wait(world.machine, None if len(caplog.records) < 2 else 0)
        return none(LONG)

    def scenario():
        world.add(3, blocks_here)
        world.machine.sleep(5)
        assert [record.message.partition(":")[0] for record in caplog.records] == ["pool exhausted"]
        released[0].set()
        released[1].set()
        world.machine.sleep(1)

    world.run(scenario)
    (record,) = caplog.records
    assert sorted(record.blockers) == ["w0", "w1"]
    assert record.waiting == 1
    assert record.levelname == "WARNING"
    assert len([line for line in record.message.splitlines() if "  w" in line]) == 2


def test_each_time_it_comes_to_that_it_is_reported_again(seed, caplog):
    caplog.set_level(logging.WARNING, "smoothop")
    world = World(seed, pool_size=1)

    def scenario():
        world.add(3, world.block(1.5))
        world.machine.sleep(10)

    world.run(scenario)
    assert len(caplog.records) == 2  # while the first blocks, and while the second does


STUCK = Config(run_in="pool", message_only=True, stuck_after=0.1, on_stuck="replace")


class Hangs:
    """A worker of the pool whose calls hang when they are told to, until `release` is set."""

    def __init__(self, world, config=STUCK):
        self.world, self.release = world, Latch()
        world.op.add_handler("hangs", self.handle, config)
        world.op.start("hangs")

    def handle(self, ctx):
        if ctx.message == "hang":
            self.release.wait(self.world.machine, None)
        return done(ctx.message)

    def give_up(self, number):
        """Have so many of its calls abandoned."""
        for _ in range(number):
            with pytest.raises(MessageDroppedError):
                self.world.op.dispatch("hangs", "hang").result()


def test_abandoned_calls_take_no_thread_from_the_others(seed):
    world = World(seed, pool_size=2)

    def scenario():
        hangs = Hangs(world)
        world.op.add_handler("other", lambda ctx: done(ctx.message), ONLY)
        world.op.start("other")
        hangs.give_up(5)
        began = world.machine.now()
        results = [world.op.dispatch(name, name).result(LONG) for name in ("hangs", "other")]
        took = world.machine.now() - began
        hangs.release.set()
        return results, took

    results, took = world.run(scenario)
    assert results == ["hangs", "other"]
    assert took < 0.5


def test_a_thread_that_comes_back_from_an_abandoned_call_is_one_of_the_pool_again(seed):
    world = World(seed, pool_size=2)

    def scenario():
        hangs = Hangs(world)
        hangs.give_up(5)
        world.add(2, world.block(2), ONLY)
        for name in ("w0", "w1"):
            world.op.dispatch(name, None)
        world.machine.sleep(0.5)  # both threads that there may be are busy
        crew = world.op._means.pool.crew
        abandoned = [carrier.thread for carrier in crew._abandoned]
        before = len(abandoned), world.carriers()
        hangs.release.set()
        world.machine.sleep(0.5)
        alive = [thread.is_alive() for thread in abandoned]
        return before, alive, world.carriers(), len(crew._abandoned)

    assert world.run(scenario) == ((5, 2), [False] * 5, 2, 0)


def test_it_stays_when_the_pool_has_not_more_without_it(seed):
    world = World(seed, pool_size=2)

    def scenario():
        hangs = Hangs(world)
        hangs.give_up(2)
        world.machine.sleep(2 * RETIRED_AFTER)
        before = world.carriers()
        hangs.release.set()
        world.machine.sleep(0.5)
        return before, world.carriers()

    assert world.run(scenario) == (1, 2)


def test_a_pool_is_exhausted_by_the_threads_that_are_not_with_abandoned_calls(seed, caplog):
    caplog.set_level(logging.WARNING, "smoothop")
    world = World(seed, pool_size=1)

    def scenario():
        hangs = Hangs(world)
        hangs.give_up(2)
        caplog.clear()
        world.add(2, world.block(1.5), POOL)
        world.machine.sleep(2)
        hangs.release.set()

    world.run(scenario)
    (record,) = caplog.records
    assert record.blockers in (["w0"], ["w1"])
    assert record.message.startswith("pool exhausted: none of its threads (1) has come back")


def test_a_pool_that_cannot_grow_goes_on_with_what_it_has(seed, caplog):
    world, allowed = World(seed), 2
    spawn = world.machine.spawn

    def spawn_some(target, name):
        nonlocal allowed
        allowed -= 1
        if allowed < 0:
            raise RuntimeError("can't start new thread")
        return spawn(target, name)

    world.machine.spawn = spawn_some

    def scenario():
        world.add(4, world.block(0.1))
        world.machine.sleep(1)
        return world.carriers(), sum(w.snapshot().handled for w in world.op.workers())

    assert world.run(scenario) == (1, 4)
    assert [record.message for record in caplog.records] == [
        "pool cannot grow: can't start new thread"
    ]


def test_what_is_due_comes_also_after_the_watch_ran_out_of_memory(seed, caplog):
    world, times = World(seed), []

    def tick(ctx):
        times.append(world.machine.now())
        return none(1)

    def scenario():
        world.add(1, tick)
        world.machine.sleep(0.5)
        move_due = world.op._means.pool.move_due

        def fails_once(now):
            world.op._means.pool.move_due = move_due
            raise MemoryError

        world.op._means.pool.move_due = fails_once
        world.machine.sleep(1)

    world.run(scenario)
    assert len(times) == 2
    assert "the watch of the pool failed" in [record.message for record in caplog.records]


@pytest.mark.parametrize("threads", [0, 1])
def test_a_start_without_any_thread_fails_and_can_be_tried_again(threads):
    world, allowed = World(0), threads
    spawn = world.machine.spawn

    def spawn_some(target, name):
        nonlocal allowed
        allowed -= 1
        if allowed < 0:
            raise RuntimeError("can't start new thread")
        return spawn(target, name)

    world.machine.spawn = spawn_some

    def scenario():
        nonlocal allowed
        world.op.add_handler("w", lambda ctx: done(ctx.message), ONLY)
        with pytest.raises(SmoothopError, match="worker w could not be started: can't start"):
            world.op.start("w")
        allowed = 10
        world.op.start("w")
        return world.op.dispatch("w", 1).result(1)

    assert world.run(scenario) == 1


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("seed", range(20))
def test_nobody_who_is_started_while_others_wait_is_forgotten(seed, size):
    world = World(seed, pool_size=size)
    world.machine = SimMachine(seed, Style(eager=0.6, by_line=0.2))
    late = {}

    def handle(ctx):
        late[ctx.worker] = world.machine.now() - late[ctx.worker]
        return none(LONG)

    def scenario():
        world.add(4, world.block(0.01))  # so that somebody waits, and the watch ticks
        for number in range(30):
            name = f"late{number}"
            world.op.add_handler(name, handle, POOL)
            late[name] = world.machine.now()
            world.op.start(name)
            world.machine.sleep(0.001 * (number % 5))
        world.machine.sleep(0.2)

    world.run(scenario)
    assert max(late.values()) < 0.045  # after those that block


class Noted:
    """A lock that notes who takes it."""

    def __init__(self, lock):
        self.lock = lock
        self.takers = []

    def __getattr__(self, name):
        return getattr(self.lock, name)

    def __enter__(self):
        self.takers.append(threading.get_ident())
        return self.lock.__enter__()

    def __exit__(self, *raised):
        return self.lock.__exit__(*raised)


def test_who_starts_very_many_while_some_wait_takes_no_lock_of_the_pool_for_each(seed):
    world = World(seed, pool_size=1)

    def scenario():
        world.add(3, world.block(1))  # one is carried, and two wait
        world.machine.sleep(0.5)
        for number in range(500):
            world.op.add_handler(f"one-of-many-{number}", world.block(0), POOL)
        world.op._means.pool.lock = noted = Noted(world.op._means.pool.lock)
        world.op.start_all()
        return noted.takers.count(threading.get_ident())

    assert world.run(scenario) < 10


def test_each_worker_keeps_its_context_variables_and_sees_no_others():
    variable, seen = ContextVar("variable", default="unset"), []

    def handle(ctx):
        seen.append((ctx.worker, variable.get()))
        variable.set(f"of {ctx.worker}")
        return done()

    variable.set("of the test")
    with Operator(pool_size=1) as op:
        for name in ("a", "b"):
            op.add_handler(name, handle, ONLY)
        op.start_all()
        for name in ("a", "b", "a", "b"):
            op.dispatch(name, None).result(20)
    assert seen == [("a", "unset"), ("b", "unset"), ("a", "of a"), ("b", "of b")]


def test_a_stop_of_a_sleeping_worker_without_teardown_needs_no_thread(seed):
    world = World(seed, pool_size=1)

    def scenario():
        world.op.add_handler("sleeps", lambda ctx: none(LONG), POOL)
        world.op.start_all()
        world.machine.sleep(1)
        world.op.add_handler("blocks", world.block(2), POOL)
        world.op.start("blocks")
        world.machine.sleep(1)  # and there is no other thread
        return world.op.stop("sleeps").done()

    assert world.run(scenario)


def test_nor_does_that_of_one_which_waits_for_a_thread(seed):
    world = World(seed, pool_size=1)

    def scenario():
        world.op.add_handler("blocks", world.block(2), POOL)
        world.op.add_handler("waits", lambda ctx: none(LONG), POOL)
        world.op.start_all()
        world.machine.sleep(1)
        stopped = world.op.stop("waits").done()
        world.machine.sleep(2)
        return stopped, world.op.worker("waits").snapshot().handled

    assert world.run(scenario) == (True, 0)


def test_a_teardown_runs_on_a_thread_of_the_pool(seed):
    world, threads = World(seed), []

    class Handler:
        def handle(self, ctx):
            return none(LONG)

        def teardown(self, ctx):
            threads.append(world.machine.thread_name().partition("#")[0])

    def scenario():
        world.op.add_handler("w", Handler(), POOL)
        world.op.start("w")
        world.machine.sleep(1)
        world.op.stop("w").result()

    world.run(scenario)
    assert threads == ["smoothop-pool-1"]


def test_where_a_worker_stands_is_said_wherever_it_is(seed):
    world, released = World(seed, pool_size=1, close_timeout=0.1), Latch()

    def blocks_here(ctx):
        released.wait(world.machine, None)
        return done()

    class Sleeps:
        def handle(self, ctx):
            return none(LONG)

        def teardown(self, ctx):
            pass

    def scenario():
        world.op.add_handler("sleeps", Sleeps(), POOL)
        world.op.start_all()
        world.machine.sleep(1)
        parked = world.op._cores["sleeps"].stack()
        world.op.add_handler("blocks", blocks_here, POOL)
        world.op.start("blocks")
        world.machine.sleep(1)
        world.op.dispatch("sleeps", None)  # it wakes up, and there is no thread
        world.machine.sleep(1)
        with pytest.raises(StopTimeoutError) as caught:
            world.op.close()
        released.set()
        return parked, caught.value.stuck

    parked, stuck = world.run(scenario)
    assert parked == "(sleeps, and holds no thread)"
    assert "blocks_here" in stuck["blocks"]
    assert stuck["sleeps"] == "(waits for a thread of the pool)"


def test_who_is_launched_just_before_the_last_carrier_rests_is_seen_by_it():
    machine = SimMachine(1)
    late = machine.run(lambda: _launch_before_a_rest(machine))
    assert late < 0.01  # and not at the next look of the watch


def _launch_before_a_rest(machine):
    op = Operator(_machine=machine, pool_size=1)
    began = {}

    def handle(ctx):
        if ctx.message is not None:
            machine.sleep(ctx.message)
        if ctx.worker == "wakes":
            op.dispatch("woken", 0)
        began[ctx.worker] = machine.monotonic()
        return none(1000)

    for name in ("woken", "blocks", "wakes", "late"):
        op.add_handler(name, handle, POOL)
    op.start("woken")
    machine.sleep(1)
    op.dispatch("blocks", 0.01)
    op.start("blocks")
    machine.sleep(0.001)
    op.start("wakes")  # in line: the watch ticks, and slowly, as there is no further thread
    pool = op._means.pool
    rests = pool.crew.rests

    def resting(carrier):
        pool.crew.rests = rests
        assert pool._watch.alerted
        machine.start(lambda: op.start("late"), "starter").join()  # takes no lock
        began["start"] = machine.monotonic()
        return rests(carrier)

    pool.crew.rests = resting
    machine.sleep(1)
    op.close()
    return began["late"] - began["start"]


def test_the_watch_that_is_alerted_again_and_again_looks_once_a_tick():
    machine = SimMachine(1, Style(eager=0))  # so it looks when the one who waited is taken already
    looks = machine.run(lambda: _alert_often(machine))
    assert looks < 50  # and not each of the 1,000 times


def _alert_often(machine):
    op = Operator(_machine=machine, pool_size=1)
    only = Config(run_in="pool", message_only=True)

    def pass_on(ctx):
        machine.sleep(0.0001)
        if ctx.message:
            op.dispatch("two" if ctx.worker == "one" else "one", ctx.message - 1)  # waits its turn
        return done()

    for name in ("one", "two"):
        op.add_handler(name, pass_on, only)
        op.start(name)
    machine.sleep(1)
    looks, watch = [], op._means.pool._watch
    look = watch._look

    def noted(**how):
        looks.append(machine.monotonic())
        return look(**how)

    watch._look = noted
    op.dispatch("one", 1000)
    machine.sleep(1)
    op.close()
    return len(looks)


def test_the_watch_that_was_alerted_by_its_own_look_ticks_on():
    machine = SimMachine(1)

    def look():
        pool = Pool(machine, logging.getLogger("smoothop"), 1)
        with pool.lock:
            pool._watch.alert()  # from now on, who launches a worker counts on a further look
            return pool._watch._pause(machine.monotonic(), alerted=False)

    assert machine.run(look) <= SLOW_TICK


def test_an_async_handler_runs_on_the_loop_whatever_its_config_says():
    async def handle(ctx):
        return done(threading.current_thread().name)

    with Operator() as op:
        for run_in in ("thread", "pool"):
            op.add_handler(run_in, handle, Config(run_in=run_in, message_only=True))
        op.start_all()
        names = {op.dispatch(name, None).result(20) for name in ("thread", "pool")}
    assert names == {"smoothop-loop"}
