"""The callers of a history: what they ask of the operator is drawn from the seed."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from simulation.ways import TIMEOUTS, LoopWays, Ways, at_once, send, send_and_ask
from smoothop import SmoothopError

if TYPE_CHECKING:
    from simulation.history import History


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
        limit = self.draw.choice(TIMEOUTS)
        stopped = self.history.operator.stop(name, timeout=limit)
        self.history.will_end(run, stopped, limit=limit)
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

    async def _scale(self, name: str) -> None:
        scaled = self.history.scale(name, self.draw.randrange(1, 5))
        if self.draw.random() < 0.7:
            await self.ways.completion(scaled, self.draw.choice(TIMEOUTS))

    async def _pause(self, name: str) -> None:
        """Pause a worker; mostly for a while, as two calls seldom draw the same one."""
        self.history.pause(name)
        if self.draw.random() < 0.7:
            await self.ways.sleep(self.draw.choice((0.001, 0.1, 0.7)))
            self.history.operator.resume(name)

    async def _resume(self, name: str) -> None:
        self.history.operator.resume(name)

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
        machine, run = self.history.machine, self.history.run_of(name)
        stream = self.history.operator.worker(name).metrics()
        if run is not None and run is self.history.run_of(name) and not run.leaving:
            self.history.followed.append((run, stream))

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

    async def _cancel(self, _: str) -> None:
        if self.draw.random() < 0.1:
            with suppress(SmoothopError):
                self.history.cancellation.cancel()


CALLS = {
    "send": 10, "ask": 6, "sleep": 6, "start": 6, "stop": 4, "restart": 3, "update": 3,
    "remove": 1, "add": 2, "watch": 2, "follow": 1, "start_all": 1, "stop_all": 1,
    "cancel": 1, "close": 1, "scale": 2, "pause": 2, "resume": 3,
}  # fmt: skip
"""What callers do, and how often."""
