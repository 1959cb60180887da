"""A signal handler calls the operator in the middle of a call of it, in each moment of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

import pytest

from smoothop import (
    AsyncContext,
    Cancellation,
    Config,
    Context,
    HandleResult,
    Operator,
    SmoothopError,
    StopTimeoutError,
    WorkerNotFoundError,
    none,
)
from smoothop.engine.watching.streams import NOBODY
from smoothop.testing import SimMachine, Style
from smoothop.testing.carriers import Carriers

LIMIT = 30


class Interrupt:
    """Calls `handler` at the `number`-th moment in the engine in which a signal may come.

    Those are the beginnings and the ends of calls. `only_inside`: but for the ends of others, such
    as a lock's: what the handler raises there would come after the lock is taken, and before the
    block is entered that gives it back. Python lets no signal handler in between.
    """

    def __init__(
        self, number: int, handler: Callable[[], None], *, only_inside: bool = False
    ) -> None:
        self.left = number
        self.handler = handler
        self.only_inside = only_inside

    @contextmanager
    def here(self) -> Iterator[None]:
        sys.setprofile(self._moment)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _moment(self, frame: FrameType, event: str, _: Any) -> None:
        from_outside = event == "return" and not self.only_inside and _is_engine(frame.f_back)
        if not (_is_engine(frame) or from_outside):
            return
        self.left -= 1
        if self.left == 0:
            sys.setprofile(None)
            self.handler()


def _is_engine(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals.get("__name__", "").startswith("smoothop.engine.")


class World:
    """An operator with one worker that runs, if it is to, and what became of it."""

    def __init__(self, machine: SimMachine, way: str, interrupted: str) -> None:
        self.machine = machine
        self.cancellation = Cancellation()
        self.operator = Operator(_machine=machine, cancellation=self.cancellation)
        self.calls: list[str] = []
        self.receipts: list[Any] = []
        run_in: Any = "pool" if way == "pool" else "thread"
        handler = Async(self.calls) if way == "async" else Sync(self.calls)
        for name in ("other", "w"):
            self.view = self.operator.add_handler(name, handler, Config(run_in=run_in))
        self.operator.start("other")
        if interrupted != "start":
            self.operator.start("w")
        self.call = partial(INTERRUPTED[interrupted], self)
        machine.sleep(1)

    def noted(self, call: Callable[[], object]) -> Callable[[], None]:
        """Return what makes that call, and tells whether it was quick."""

        def noting() -> None:
            began = self.machine.monotonic()
            try:
                call()
            except SmoothopError as error:
                assert not isinstance(error, StopTimeoutError)
            assert self.machine.monotonic() - began < 1

        return noting


class Sync:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def setup(self, ctx: Context) -> None:
        self.calls.append(f"setup {ctx.worker}")

    def handle(self, ctx: Context) -> HandleResult:
        return none(100)

    def teardown(self, ctx: Context) -> None:
        self.calls.append(f"teardown {ctx.worker}")


class Async:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    async def setup(self, ctx: AsyncContext) -> None:
        self.calls.append(f"setup {ctx.worker}")

    async def handle(self, ctx: AsyncContext) -> HandleResult:
        return none(100)

    async def teardown(self, ctx: AsyncContext) -> None:
        self.calls.append(f"teardown {ctx.worker}")


INTERRUPTED: dict[str, Callable[[World], object]] = {
    "start": lambda world: world.operator.start("w"),
    "dispatch": lambda world: world.receipts.append(world.operator.dispatch("w", "outer")),
    "stop": lambda world: world.operator.stop("w"),
    "restart": lambda world: world.operator.update_config("w", stop_grace=1),
    "scale": lambda world: world.operator.update_config("w", concurrency=2),
    "resume": lambda world: (world.operator.pause("w"), world.operator.resume("w")),
    "close": lambda world: world.operator.close(timeout=LIMIT),
}

NESTED: dict[str, Callable[[World], object]] = {
    "close": lambda world: world.operator.close(timeout=LIMIT),
    "stop": lambda world: world.operator.stop("w").wait(LIMIT),
    "cancel": lambda world: world.cancellation.cancel(),
}


@pytest.mark.parametrize("nested", NESTED)
@pytest.mark.parametrize("interrupted", INTERRUPTED)
@pytest.mark.parametrize("way", ["thread", "pool", "async"])
def test_a_signal_handler_waits_for_nobody_whom_it_holds_up(
    way: str, interrupted: str, nested: str
) -> None:
    number, comes = 0, True
    with Carriers() as carriers:
        while comes:
            number += 1
            machine = SimMachine(number, carriers=carriers)
            scene = (machine, way, interrupted, nested, number)
            comes = machine.run(lambda scene=scene: _interrupt(*scene))
    assert number > 10


def _interrupt(machine: SimMachine, way: str, interrupted: str, nested: str, number: int) -> bool:
    world = World(machine, way, interrupted)
    interrupt = Interrupt(number, world.noted(lambda: NESTED[nested](world)))
    with suppress(SmoothopError), interrupt.here():
        world.call()
    machine.sleep(1)
    if nested == "cancel" and interrupt.left <= 0:
        assert world.view.status == "stopped"
    world.noted(lambda: world.operator.close(timeout=LIMIT))()
    machine.sleep(1)
    assert world.view.status == "stopped"
    assert world.calls.count("setup other") == world.calls.count("teardown other") == 1
    assert world.calls.count("setup w") == world.calls.count("teardown w")
    assert all(receipt.done() for receipt in world.receipts)
    return interrupt.left <= 0


def test_a_removal_that_ctrl_c_has_interrupted_is_made_by_the_next_one() -> None:
    number, comes = 0, True
    with Carriers() as carriers:
        while comes:
            number += 1
            machine = SimMachine(number, carriers=carriers)
            scene = (machine, number)
            comes = machine.run(lambda scene=scene: _remove_twice(*scene))
    assert number > 10


def _remove_twice(machine: SimMachine, number: int) -> bool:
    def ctrl_c() -> None:
        raise KeyboardInterrupt

    operator = Operator(_machine=machine)
    view = operator.add_handler("w", lambda ctx: none(100))
    operator.start("w")
    machine.sleep(1)
    interrupt = Interrupt(number, ctrl_c, only_inside=True)
    with suppress(KeyboardInterrupt), interrupt.here():
        operator.remove_handler("w")
    with suppress(WorkerNotFoundError):  # when it came after the last step
        operator.remove_handler("w").result(LIMIT)
    assert view.status == "stopped"
    operator.add_handler("w", lambda ctx: none(100))
    operator.close()
    return interrupt.left <= 0


@pytest.mark.parametrize("of_one", [True, False])
def test_a_stream_that_is_collected_wherever_a_thread_stands_holds_nobody_up(of_one: bool) -> None:
    number, comes = 0, True
    with Carriers() as carriers:
        while comes:
            number += 1
            for seed in range(10):
                machine = SimMachine(seed, Style(eager=0.7), carriers)
                scene = (machine, of_one, number)
                comes = machine.run(lambda scene=scene: _collect(*scene))
    assert number > 10


def _collect(machine: SimMachine, of_one: bool, number: int) -> bool:
    operator = Operator(_machine=machine)
    views = [operator.add_handler(name, lambda ctx: none(100)) for name in ("a", "w")]

    def watch() -> None:
        for _ in range(3):
            operator.metrics().close()
            views[1].metrics().close()

    streams = [(views[0] if of_one else operator).metrics()]
    watcher = machine.start(watch, "watcher")
    interrupt = Interrupt(number, streams.clear)  # as the collector may, at any allocation
    with interrupt.here():
        operator.dispatch("w", 1)
        operator.pause("w")
    watcher.join()
    streams.clear()
    for view in views:
        view.metrics().close()
    assert all(core.audience is NOBODY for core in operator._cores.values())
    assert operator._rings == []
    operator.close()
    return interrupt.left <= 0
