"""This engine, async: a busy worker on the operator's own loop, messages on the caller's."""

from __future__ import annotations

import asyncio
from typing import Final

from measuring import Measure, Scale
from smoothop import AsyncContext, Config, HandleResult, Operator, done
from subjects.workers import MAILBOX, per_handle, running


class Busy:
    """Always has work."""

    async def handle(self, _: AsyncContext) -> HandleResult:
        return done()


class Sink(Busy):
    """Takes messages and answers nothing."""


class Echo:
    """Answers a message with itself."""

    async def handle(self, ctx: AsyncContext) -> HandleResult:
        return done(ctx.message)


def handle(scale: Scale) -> float:
    with running(Busy(), Config()) as operator:
        return per_handle(operator.worker("worker"), scale)


async def _message(scale: Scale) -> float:
    async with Operator() as operator:
        operator.add_handler("worker", Sink(), MAILBOX)
        operator.start_all()
        began = scale.clock()
        for _ in range(scale.messages - 1):
            await operator.dispatch_async("worker", "one")
        await (await operator.dispatch_async("worker", "last"))
        return (scale.clock() - began) / scale.messages


async def _round_trip(scale: Scale) -> float:
    async with Operator() as operator:
        operator.add_handler("worker", Echo(), MAILBOX)
        operator.start_all()
        began = scale.clock()
        for _ in range(scale.trips):
            await (await operator.dispatch_async("worker", "ping"))
        return (scale.clock() - began) / scale.trips


ROWS: Final[dict[str, Measure]] = {
    "async handle": handle,
    "async message": lambda scale: asyncio.run(_message(scale)),
    "async round trip": lambda scale: asyncio.run(_round_trip(scale)),
}
