"""The handlers of a history: what they do is drawn from the seed."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

from simulation.ledger import Entry, RunModel
from simulation.ways import Ways, at_once, send, send_and_ask
from smoothop import Config, HandleResult, MailboxFullError, SmoothopError, done, fail, none
from smoothop.engine.worker.run import Run

if TYPE_CHECKING:
    from simulation.history import History


class UnspeakableError(Exception):
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
    UnspeakableError,
)


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
        self.replaced = False  # its slots are replaced when they are stuck
        self.crowded = False  # it has, or had, several slots: then less can be foretold

    async def _inside(self, ctx: Any, what: str) -> Any:
        """Note that user code begins and ends, whatever happens in it."""
        history, machine, run = self.history, self.history.machine, ctx._slot.run
        self.inside += 1
        self.calls += 1
        machine.note(f"{self.label} enters {what}")
        if self.inside > (len(run.slots) if self.crowded and what == "handle" else 1):
            history.ledger.fail(f"{self.inside} calls into {self.label} at a time")
        if what != "teardown" and history.is_paused(ctx._slot.core):
            history.ledger.fail(f"{self.label} is called while it is paused")
        if any(run is over for over in history.over):
            history.ledger.fail(f"{self.label} is called after its stop was done")
        if machine.holds_locks():
            history.ledger.fail(f"{self.label} is called with a lock held")
        model = self._model(run)
        wrong = None if what == "teardown" or self.crowded else model.enters(machine.now())
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
            raise self.draw.choice(PANICS)

    async def _teardown(self, ctx: Any) -> None:
        await self._something(ctx)
        if self.draw.random() < self.setup_fails:
            raise self.draw.choice(PANICS)

    async def _handle(self, ctx: Any) -> Any:
        entry, draw = ctx.message, self.draw
        if entry is not None:
            entry.replaceable = self.replaced
            self.history.ledger.delivered(entry, self, crowded=self.crowded)
        await self._something(ctx)
        if draw.random() < self.panics:
            if draw.random() < 0.2:
                if self.model is not None:
                    self.model.raises(self.history.machine.now())
                if entry is not None:
                    entry.came_to = ("panicked", None)
                return draw.choice((None, 3, HandleResult))
            raise draw.choice(PANICS)
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
        sender = f"{self.label}#{ctx._slot.number}"  # of two slots, either may come first
        try:
            if kind < 0.3:
                return
            if kind < 0.5:
                await ways.sleep(draw.choice((0.001, 0.05, 0.3)))
            elif kind < 0.6:
                await ways.ctx_wait(ctx, draw.choice((0.01, 0.4)))
            elif kind < 0.7:
                await send(self.history, draw, ways, ctx, sender, other)
            elif kind < 0.75:
                await send(self.history, draw, ways, ctx, sender, self.name)
            elif kind < 0.82:
                await send_and_ask(self.history, draw, ways, ctx, sender, other)
            elif kind < 0.85:
                operator.stop(other)
            elif kind < 0.88:
                operator.start(other)
            elif kind < 0.89:
                operator.update_config(other, mailbox_size=draw.randrange(1, 4))
            elif kind < 0.9:
                self.history.scale(other, draw.randrange(1, 4))
            elif kind < 0.92:
                await ways.completion(operator.stop(self.name), None)
                self.history.ledger.fail("a handler has waited for its own stop")
            elif kind < 0.94:
                await ways.completion(operator.stop(other), 0.5)
            elif kind < 0.96:
                self.history.look()
            elif kind < 0.97:
                await ways.ignore_stops()
            elif self.stuck and ways.__class__ is Ways:
                self.history.released.wait(self.history.machine, None)
            elif kind < 0.98:
                was_open = operator._closed is None
                operator.close()  # refused, or there is nothing left to close
                if was_open and self.history.exact and not self.history.ledger.closing:
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


def drawn_config(draw: Random) -> Config:
    """Return a config for a worker."""
    stuck_after = draw.choice((0,) * 5 + (0.1,))
    return Config(
        stuck_after=stuck_after,
        on_stuck=draw.choice(("report", "replace")) if stuck_after else "report",
        max_panic_attempts=draw.choice((0, 0, 1, 3)),
        panic_backoff=draw.choice((0, 0.1, 0.5)),
        panic_backoff_max=draw.choice((0, 0.5, 3)),
        panic_window=draw.choice((0, 0, 1)),
        message_only=draw.random() < 0.4,
        mailbox_size=draw.choice((1, 2, 3, 50)),
        max_dispatch_timeout=draw.choice((0, 0, 0.3)),
        stop_grace=draw.choice((0, 0.2, 1)),
        run_in=draw.choice(("thread", "pool")),
        concurrency=draw.choice((1, 1, 1, 2, 3)),
    )
