"""The handlers and the callers of a history: what they do is drawn from the seed.

Both come as threads and as coroutines, from one text: what they do is a coroutine over a `Ways`,
which for a thread never suspends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from smoothop import Config, HandleResult, MailboxFullError, SmoothopError, done, fail, none
from smoothop.engine.run import Run
from simulation.ledger import Entry, RunModel, outcome_of

if TYPE_CHECKING:
    from simulation.history import History

NAMES = ("a", "b", "c", "d")
TIMEOUTS = (None, 0, 0.05, 1.0)


class Unspeakable(Exception):
    """Raises when it is asked what is wrong."""

    def __str__(self) -> str:
        raise ValueError("no text")


PANICS: tuple[type[BaseException], ...] = (
    ValueError,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    StopIteration,
    MemoryError,
    RecursionError,
    TimeoutError,
    Unspeakable,
)


class Ways:
    """How a thread waits."""

    def __init__(self, history: History) -> None:
        self.history = history

    async def sleep(self, seconds: float) -> None:
        self.history.machine.sleep(seconds)

    async def ctx_wait(self, ctx: Any, seconds: float) -> None:
        ctx.wait(seconds)

    async def dispatch(self, door: Any, name: str, message: Any, timeout: float | None) -> Any:
        return door.dispatch(name, message, timeout=timeout)

    async def result(self, receipt: Any, timeout: float | None) -> None:
        receipt.result(timeout)

    async def completion(self, completion: Any, timeout: float | None) -> None:
        completion.result(timeout)
        self.history.check_threads(completion)

    async def event(self, stream: Any) -> Any:
        return stream.get(0.2)


class LoopWays(Ways):
    """How a coroutine waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def ctx_wait(self, ctx: Any, seconds: float) -> None:
        await ctx.wait(seconds)

    async def dispatch(self, door: Any, name: str, message: Any, timeout: float | None) -> Any:
        send = getattr(door, "dispatch_async", door.dispatch)
        return await send(name, message, timeout=timeout)

    async def result(self, receipt: Any, timeout: float | None) -> None:
        if timeout is None:
            await receipt
        else:
            await asyncio.wait_for(receipt, timeout)

    async def completion(self, completion: Any, timeout: float | None) -> None:
        if timeout is None:
            await completion
        else:
            async with asyncio.timeout(timeout):
                await completion

    async def event(self, stream: Any) -> Any:
        async with asyncio.timeout(0.2):
            return await stream.get_async()


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a thread's way of waiting has suspended")


async def send(
    history: History, draw: Random, ways: Ways, door: Any, sender: str, target: str
) -> Entry | None:
    """Send one message, and keep the ledger."""
    ledger = history.ledger
    entry = ledger.trying(sender, target)
    try:
        receipt = await ways.dispatch(door, target, entry, draw.choice(TIMEOUTS))
    except SmoothopError:
        ledger.refused(entry)
        raise
    ledger.accepted(entry, receipt)
    return entry


async def send_and_ask(
    history: History, draw: Random, ways: Ways, door: Any, sender: str, target: str
) -> None:
    """Send one message, wait for what comes of it, and keep the ledger."""
    entry = await send(history, draw, ways, door, sender, target)
    assert entry is not None
    assert entry.receipt is not None
    try:
        await ways.result(entry.receipt, draw.choice(TIMEOUTS))
    finally:
        if entry.receipt.done():
            history.ledger.saw(entry, outcome_of(entry.receipt))


class Actor:
    """A handler; `SyncActor` and `AsyncActor` are what an operator is given."""

    def __init__(self, history: History, name: str, number: int, ways: Ways) -> None:
        self.history = history
        self.name = name
        self.label = f"{name}.{number}"
        self.draw = Random(f"{history.seed} {self.label}")
        self.ways = ways
        self.inside = 0
        self.calls = 0
        self.model: RunModel | None = None
        self.setup_fails = self.draw.choice((0, 0, 0.3))
        self.panics = self.draw.choice((0, 0.1, 0.4))
        self.stuck = history.stuck and self.draw.random() < 0.5

    async def _inside(self, ctx: Any, what: str) -> Any:
        """Note that user code begins and ends, whatever happens in it."""
        history, machine, run = self.history, self.history.machine, ctx._slot.run
        self.inside += 1
        self.calls += 1
        machine.note(f"{self.label} enters {what}")
        if self.inside > 1:
            history.ledger.fail(f"two calls into {self.label} at a time")
        if any(run is over for over in history.over):
            history.ledger.fail(f"{self.label} is called after its stop was done")
        if machine.holds_locks():
            history.ledger.fail(f"{self.label} is called with a lock held")
        model = self._model(run)
        wrong = None if what == "teardown" else model.enters(machine.now())
        if wrong:
            history.ledger.fail(f"{self.label}: {wrong}")
        try:
            return await getattr(self, f"_{what}")(ctx)
        except BaseException as error:
            if what != "teardown":
                model.raises(machine.now())
            if ctx.message is not None and what == "handle":
                ctx.message.came_to = ("panicked", None)
            machine.note(f"{self.label} raises {type(error).__name__}")
            raise
        finally:
            self.inside -= 1

    def _model(self, run: Run) -> RunModel:
        if self.model is None or self.model.run is not run:
            self.model = RunModel(run)
        return self.model

    async def _setup(self, ctx: Any) -> None:
        await self._something(ctx)
        if self.draw.random() < self.setup_fails:
            raise self.draw.choice(PANICS)()

    async def _teardown(self, ctx: Any) -> None:
        await self._something(ctx)
        if self.draw.random() < self.setup_fails:
            raise self.draw.choice(PANICS)()

    async def _handle(self, ctx: Any) -> Any:
        entry, draw = ctx.message, self.draw
        if entry is not None:
            self.history.ledger.delivered(entry, self)
        await self._something(ctx)
        if draw.random() < self.panics:
            if draw.random() < 0.2:
                if self.model is not None:
                    self.model.raises(self.history.machine.now())
                if entry is not None:
                    entry.came_to = ("panicked", None)
                return draw.choice((None, 3, HandleResult))
            raise draw.choice(PANICS)()
        result = self._result(entry)
        if self.model is not None:
            self.model.in_a_row = 0
        if entry is not None:
            kinds = {"done": "done", "none": "done", "fail": "failed"}
            entry.came_to = (kinds[result.status], result.result)
        return result

    def _result(self, entry: Entry | None) -> HandleResult:
        draw = self.draw
        kind = draw.random()
        if entry is not None and kind < 0.7:
            return done(draw.choice((None, entry.number)))
        if kind < 0.9:
            return none(draw.choice((0.05, 0.2, 1)))
        return fail("it failed", draw.choice((0, 0.1, 0.5)))

    async def _something(self, ctx: Any) -> None:
        """Do something of which nothing is kept; what it raises on purpose is not a panic."""
        kind, draw, ways, operator = self.draw.random(), self.draw, self.ways, self.history.operator
        other = draw.choice(self.history.names)
        try:
            if kind < 0.3:
                return
            if kind < 0.5:
                await ways.sleep(draw.choice((0.001, 0.05, 0.3)))
            elif kind < 0.6:
                await ways.ctx_wait(ctx, draw.choice((0.01, 0.4)))
            elif kind < 0.7:
                await send(self.history, draw, ways, ctx, self.label, other)
            elif kind < 0.75:
                await send(self.history, draw, ways, ctx, self.label, self.name)
            elif kind < 0.82:
                await send_and_ask(self.history, draw, ways, ctx, self.label, other)
            elif kind < 0.85:
                operator.stop(other)
            elif kind < 0.88:
                operator.start(other)
            elif kind < 0.9:
                operator.update_config(other, mailbox_size=draw.randrange(1, 4))
            elif kind < 0.92:
                await ways.completion(operator.stop(self.name), None)
                self.history.ledger.fail("a handler has waited for its own stop")
            elif kind < 0.94:
                await ways.completion(operator.stop(other), 0.5)
            elif kind < 0.97:
                self.history.look()
            elif self.stuck and ways.__class__ is Ways:
                self.history.released.wait(self.history.machine, None)
            elif kind < 0.98:
                operator.close()
                self.history.ledger.fail("a handler has closed its own operator")
        except (SmoothopError, TimeoutError) as error:
            if isinstance(error, MailboxFullError):
                self.history.machine.note(f"{self.label} {error}")


class SyncActor(Actor):
    """On a thread."""

    def setup(self, ctx: Any) -> None:
        at_once(self._inside(ctx, "setup"))

    def handle(self, ctx: Any) -> Any:
        return at_once(self._inside(ctx, "handle"))

    def teardown(self, ctx: Any) -> None:
        at_once(self._inside(ctx, "teardown"))


class AsyncActor(Actor):
    """On the event loop."""

    async def setup(self, ctx: Any) -> None:
        await self._inside(ctx, "setup")

    async def handle(self, ctx: Any) -> Any:
        return await self._inside(ctx, "handle")

    async def teardown(self, ctx: Any) -> None:
        await self._inside(ctx, "teardown")


class Caller:
    """Somebody outside who uses the operator."""

    def __init__(self, history: History, number: int) -> None:
        self.history = history
        self.label = f"caller{number}"
        self.draw = Random(f"{history.seed} {self.label}")
        self.is_async = self.draw.random() < 0.3
        self.ways = LoopWays(history) if self.is_async else Ways(history)

    def run(self) -> None:
        """Make all calls, on this thread."""
        if not self.is_async:
            at_once(self._calls())
            return
        loop = self.history.machine.event_loop()
        try:
            loop.run_until_complete(self._calls())
        finally:
            loop.close()

    async def _calls(self) -> None:
        draw = self.draw
        for _ in range(draw.randrange(4, 14)):
            call = draw.choices(list(CALLS), list(CALLS.values()))[0]
            try:
                await getattr(self, f"_{call}")(draw.choice(self.history.names))
                self.history.machine.note(f"{self.label} {call}")
            except (SmoothopError, TimeoutError) as error:
                self.history.machine.note(f"{self.label} {call}: {type(error).__name__}")
            self.history.look()

    async def _sleep(self, _: str) -> None:
        await self.ways.sleep(self.draw.choice((0.001, 0.1, 0.7)))

    async def _send(self, name: str) -> None:
        history = self.history
        await send(history, self.draw, self.ways, history.operator, self.label, name)

    async def _ask(self, name: str) -> None:
        history = self.history
        await send_and_ask(history, self.draw, self.ways, history.operator, self.label, name)

    async def _start(self, name: str) -> None:
        self.history.operator.start(name)

    async def _start_all(self, _: str) -> None:
        self.history.operator.start_all()

    async def _stop(self, name: str) -> None:
        run = self.history.run_of(name)
        stopped = self.history.operator.stop(name, timeout=self.draw.choice(TIMEOUTS))
        self.history.will_end(run, stopped)
        if self.draw.random() < 0.7:
            await self.ways.completion(stopped, self.draw.choice(TIMEOUTS))

    async def _stop_all(self, _: str) -> None:
        runs = [self.history.run_of(name) for name in self.history.names]
        stopped = self.history.operator.stop_all(timeout=self.draw.choice(TIMEOUTS))
        for run in runs:
            self.history.will_end(run, stopped)
        await self.ways.completion(stopped, self.draw.choice(TIMEOUTS))

    async def _restart(self, name: str) -> None:
        await self._stop(name)
        self.history.operator.start(name)

    async def _update(self, name: str) -> None:
        run = self.history.run_of(name)
        changes = {
            "mailbox_size": self.draw.randrange(1, 5),
            "panic_window": self.draw.choice((0, 2)),
            "message_only": self.draw.random() < 0.5,
        }
        updated = self.history.operator.update_config(name, **changes)
        self.history.will_end(run, updated, thread=False)
        if self.draw.random() < 0.7:
            await self.ways.completion(updated, self.draw.choice(TIMEOUTS))

    async def _remove(self, name: str) -> None:
        run = self.history.run_of(name)
        removed = self.history.operator.remove_handler(name)
        self.history.will_end(run, removed)
        if self.draw.random() < 0.7:
            await self.ways.completion(removed, self.draw.choice(TIMEOUTS))

    async def _add(self, name: str) -> None:
        self.history.add(name, self.draw)

    async def _watch(self, name: str) -> None:
        """Read a stream for a while, or leave it unread."""
        operator = self.history.operator
        watched = operator.worker(name) if self.draw.random() < 0.7 else operator
        with watched.metrics(maxsize=self.draw.choice((1, 3, 100))) as stream:
            for _ in range(self.draw.randrange(5)):
                if await self.ways.event(stream) is None:
                    break

    async def _follow(self, name: str) -> None:
        """Let somebody read a worker's stream to its end, which must come."""
        machine, stream = self.history.machine, self.history.operator.worker(name).metrics()

        def read() -> None:
            for event in stream:
                machine.note(f"reads {event.kind}")
            if stream.get() is not None or not stream.ended:
                self.history.ledger.fail("a stream goes on after its end")

        machine.start(read, "reader")

    async def _close(self, _: str) -> None:
        if self.is_async:  # it blocks, as it says
            return
        if self.draw.random() < 0.1:
            self.history.close(self.draw.choice((None, 0, 0.1)))

    async def _wall(self, _: str) -> None:
        jump = self.draw.choice((-86_400, -1, 1, 3_600, 1e9))
        if self.history.wall_jumps:
            self.history.machine.jump_wall(jump)

    async def _cancel(self, _: str) -> None:
        if self.draw.random() < 0.1:
            with suppress(SmoothopError):
                self.history.cancellation.cancel()


CALLS = {
    "send": 10, "ask": 6, "sleep": 6, "start": 6, "stop": 4, "restart": 3, "update": 3,
    "remove": 1, "add": 2, "watch": 2, "follow": 1, "start_all": 1, "stop_all": 1, "wall": 1,
    "cancel": 1, "close": 1,
}  # fmt: skip
"""What callers do, and how often."""


def drawn_config(draw: Random) -> Config:
    """Return a config for a worker."""
    return Config(
        max_panic_attempts=draw.choice((0, 0, 1, 3)),
        panic_backoff=draw.choice((0, 0.1, 0.5)),
        panic_backoff_max=draw.choice((0, 0.5, 3)),
        panic_window=draw.choice((0, 0, 1)),
        message_only=draw.random() < 0.4,
        mailbox_size=draw.choice((1, 2, 3, 50)),
        max_dispatch_timeout=draw.choice((0, 0, 0.3)),
        stop_grace=draw.choice((0, 0.2, 10)),
    )
