"""The simulated machine itself."""

import asyncio
import gc

import pytest

from smoothop.testing import SimMachine, Stalled, Style


def test_time_jumps_when_everybody_sleeps() -> None:
    machine = SimMachine(1)
    woken: list[tuple[str, float]] = []

    def sleep(name: str, seconds: float) -> None:
        machine.sleep(seconds)
        woken.append((name, machine.now()))

    def main() -> None:
        machine.start(lambda: sleep("long", 86_400), "long")
        machine.start(lambda: sleep("short", 0.5), "short")

    machine.run(main)
    assert woken == [("short", 1000.5), ("long", 87_400.0)]


def test_a_deadlock_is_reported_with_the_stack_of_every_thread() -> None:
    machine = SimMachine(2)

    def main() -> None:
        one, two = machine.lock(), machine.lock()

        def take_them_the_other_way_round() -> None:
            with two:
                machine.sleep(1)
                one.acquire()

        thread = machine.start(take_them_the_other_way_round, "other")
        with one:
            machine.sleep(1)
            with two:
                thread.join()

    with pytest.raises(Stalled, match="take_them_the_other_way_round") as stalled:
        machine.run(main)
    assert "--- main (waits, holds 1 locks)" in str(stalled.value)
    assert "--- other#1 (waits, holds 1 locks)" in str(stalled.value)


def test_who_goes_round_for_ever_is_reported() -> None:
    machine = SimMachine(3, Style(most_steps=1000))

    def main() -> None:
        while True:
            machine.monotonic()

    with pytest.raises(Stalled, match="no end after 1001 steps"):
        machine.run(main)


def test_what_leaves_a_thread_fails_the_simulation() -> None:
    machine = SimMachine(4)

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        machine.run(lambda: machine.start(fail, "failing").join())


def test_a_lock_is_reentrant_and_excludes_others() -> None:
    machine = SimMachine(5, Style(eager=1))
    inside = []

    def main() -> None:
        lock = machine.lock()

        def enter(name: str) -> None:
            with lock, lock:
                inside.append(name)
                machine.sleep(1)
                inside.append(name)

        for name in "abc":
            machine.start(lambda name=name: enter(name), name)

    machine.run(main)
    assert inside[::2] == inside[1::2]
    assert sorted(inside[::2]) == ["a", "b", "c"]


def test_a_gate_opens_for_one_and_a_timed_wait_at_it_ends_in_virtual_time() -> None:
    machine = SimMachine(6)

    def main() -> tuple[bool, bool, float]:
        gate = machine.gate()
        gate.acquire()
        in_vain = gate.acquire(timeout=2.5)
        at = machine.now()
        machine.start(gate.release, "opener")
        return in_vain, gate.acquire(timeout=100), at

    assert machine.run(main) == (False, True, 1002.5)


def test_the_wall_clock_jumps_alone_and_a_stall_moves_both() -> None:
    machine = SimMachine(7)

    def main() -> tuple[float, float, float, float]:
        wall, now = machine.time(), machine.now()
        machine.jump_wall(-3600)
        jumped, stood = machine.time() - wall, machine.now() - now
        machine.stall(60)
        return jumped, stood, machine.time() - wall, machine.now() - now

    assert machine.run(main) == pytest.approx((-3600, 0, -3540, 60))


def test_threads_can_be_refused() -> None:
    machine = SimMachine(8, Style(spawn_fails=1))
    with pytest.raises(RuntimeError, match="can't start new thread"):
        machine.run(lambda: machine.spawn(lambda: None, "nobody"))


def test_the_event_loop_sleeps_in_virtual_time_and_is_woken_by_other_threads() -> None:
    machine = SimMachine(9)

    def main() -> tuple[str, float]:
        loop = machine.event_loop()

        async def wait() -> str:
            future = loop.create_future()
            machine.start(lambda: loop.call_soon_threadsafe(future.set_result, "woken"), "waker")
            await asyncio.sleep(3600)
            return await future

        try:
            return loop.run_until_complete(wait()), machine.now()
        finally:
            loop.close()

    assert machine.run(main) == ("woken", 4600.0)


def test_another_seed_gives_another_order() -> None:
    def order(seed: int) -> str:
        machine, order = SimMachine(seed, Style(eager=1)), []

        def main() -> None:
            for name in "abcdef":
                machine.start(lambda name=name: order.append(name), name)

        machine.run(main)
        return "".join(order)

    orders = {order(seed) for seed in range(20)}
    assert len(orders) > 10
    assert order(3) == order(3)


def test_garbage_is_not_collected_while_a_simulation_runs() -> None:
    machine = SimMachine(10)

    class Cycle:
        """Takes a lock when it is collected, as the end of a lost stream does."""

        def __init__(self) -> None:
            self.itself, self.lock = self, machine.lock()

        def __del__(self) -> None:
            with self.lock:
                pass

    def main() -> None:
        for _ in range(100):
            Cycle()

    usual = gc.get_threshold()
    gc.set_threshold(1)
    try:
        machine.run(main)
    finally:
        gc.set_threshold(*usual)
    assert machine.steps == 0
    assert gc.isenabled()
