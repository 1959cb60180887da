"""The ways to run a handler, so that one test holds for all of them.

A test writes its handlers as coroutine functions. On the sync ways they become plain
functions: what they await there (`Way.passed`, ``ctx.wait``, ``ctx.dispatch``, `Way.result`)
blocks the thread and never suspends.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import smoothop
from support.gates import DEADLINE, Gate

Logic = Callable[[Any], Awaitable[Any]]


def run_blocking(coroutine: Any) -> Any:
    """Run a coroutine that never suspends, as a plain call."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        return returned.value
    coroutine.close()
    raise AssertionError("what the handler awaits must block on a sync way")


class Way:
    """Sync handlers, each on a thread of its own."""

    name = "thread"
    is_async = False

    def config(self, **fields: Any) -> smoothop.Config:
        """Return the config that a worker added with these fields has."""
        return smoothop.Config(**fields)

    def handler(self, handle: Logic, **others: Any) -> Any:
        """Return a handler object with this `handle`, and with `setup`, `teardown`, `config`."""
        methods = {
            key: self.function(value) if inspect.iscoroutinefunction(value) else value
            for key, value in {"handle": handle, **others}.items()
        }
        return _Handler(methods)

    def function(self, logic: Logic) -> Callable[[Any], Any]:
        """Return the handler function."""
        return lambda ctx: run_blocking(logic(_Blocking(ctx)))

    @contextmanager
    def operator(self, **options: Any) -> Iterator[smoothop.Operator]:
        """Give an operator, closed at the end."""
        with smoothop.Operator(**options) as operator:
            yield operator

    async def passed(self, gate: Gate) -> None:
        """Wait inside a handler for a gate."""
        gate.wait()

    async def result(self, receipt: smoothop.Receipt) -> Any:
        """Wait inside a handler for an outcome."""
        return receipt.result()

    async def done(self, completion: smoothop.Completion) -> None:
        """Wait inside a handler for a completion."""
        completion.result()


class PoolWay(Way):
    """Sync handlers, on the threads that the workers of an operator share."""

    name = "pool"

    def config(self, **fields: Any) -> smoothop.Config:
        """Return the config that a worker added with these fields has."""
        return smoothop.Config(run_in="pool", **fields)

    @contextmanager
    def operator(self, **options: Any) -> Iterator[smoothop.Operator]:
        """Give an operator whose workers are all in the pool."""
        with _PoolOperator(**options) as operator:
            yield operator


class LoopWay(Way):
    """Async handlers, on the operator's own event loop."""

    name = "own loop"
    is_async = True

    def function(self, logic: Logic) -> Callable[[Any], Any]:
        """Return the handler function."""
        return logic

    async def passed(self, gate: Gate) -> None:
        """Wait inside a handler for a gate."""
        await gate.passed()

    async def result(self, receipt: smoothop.Receipt) -> Any:
        """Wait inside a handler for an outcome."""
        return await receipt

    async def done(self, completion: smoothop.Completion) -> None:
        """Wait inside a handler for a completion."""
        await completion


class CallersLoopWay(LoopWay):
    """Async handlers, on the loop of an ``async with`` block that runs on another thread."""

    name = "caller's loop"

    @contextmanager
    def operator(self, **options: Any) -> Iterator[smoothop.Operator]:
        """Give an operator whose ``async with`` block is left at the end."""
        entered, leave = Gate("async with"), Gate("the end of the test")
        held: list[smoothop.Operator] = []
        errors: list[BaseException] = []

        async def hold() -> None:
            async with smoothop.Operator(**options) as operator:
                held.append(operator)
                entered.open()
                await leave.passed()

        def run() -> None:
            try:
                asyncio.run(hold())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, name="caller's loop", daemon=True)
        thread.start()
        entered.wait()
        try:
            yield held[0]
        finally:
            leave.open()
            thread.join(DEADLINE)
        if errors:
            raise errors[0]


OWN_WAYS = (Way(), PoolWay(), LoopWay())
"""The ways that need nothing of the caller's."""

WAYS = (*OWN_WAYS, CallersLoopWay())


class _PoolOperator(smoothop.Operator):
    """Puts each worker in the pool that would have a thread of its own."""

    def add_handler(self, name: str, handler: object, *config: Any) -> smoothop.Worker:
        (chosen,) = config or (getattr(handler, "config", smoothop.Config()),)
        if isinstance(chosen, smoothop.Config) and chosen.run_in == "thread":
            chosen = replace(chosen, run_in="pool")
        return super().add_handler(name, handler, chosen)


class _Handler:
    def __init__(self, members: dict[str, Any]) -> None:
        vars(self).update(members)


class _Blocking:
    """A `Context` whose waiting members are awaited, as those of an `AsyncContext`."""

    def __init__(self, ctx: smoothop.Context) -> None:
        self._ctx = ctx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    async def wait(self, timeout: Any = None) -> bool:
        return self._ctx.wait(timeout)

    async def dispatch(self, name: str, message: Any, *, timeout: Any = None) -> smoothop.Receipt:
        return self._ctx.dispatch(name, message, timeout=timeout)
