"""Waiting on behalf of a client: for how long, and only as long as it is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from smoothop._durations import seconds
from smoothop.control.failures import Failure

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")


class ClientGoneError(Exception):
    """Nobody waits for this answer any more."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a client wants to wait.

    Attributes:
        wait: whether it does.
        seconds: at most so long; ``None``: as long as it takes.
    """

    wait: bool
    seconds: float | None

    @property
    def text(self) -> str:
        """The limit, for people."""
        return "no time" if self.seconds is None else f"{self.seconds:g} s"

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the query of a request.

        Raises:
            Failure: it says something that is no limit.
        """
        query = request.query_params
        unknown = set(query) - {"wait", "timeout"}
        if unknown:
            raise Failure("bad_request", f"{ascii(min(unknown))[:80]}: only wait and timeout")
        if len(query) != len(query.multi_items()):
            raise Failure("bad_request", "wait and timeout: each once only")
        return cls(_flag(query.get("wait", "true")), checked_timeout(query.get("timeout")))


def checked_timeout(value: Any) -> float | None:
    """Return a limit given in JSON or in a query as seconds.

    Raises:
        Failure: it is none.
    """
    try:
        return None if value is None else seconds(_number(value), "timeout")
    except ValueError as error:
        raise Failure("bad_request", str(error)) from None


async def unless_gone(request: Request, awaitable: Awaitable[T]) -> T:
    """Return what the awaitable gives, unless the client goes away first.

    Raises:
        ClientGoneError: it has.
    """
    work = asyncio.ensure_future(awaitable)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ClientGoneError
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    await request.body()  # the rest of it, if there is any
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Failure("bad_request", f"wait: true or false, not {ascii(text)[:80]}")
    return text == "true"


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    raise ValueError(f"timeout: a number of seconds, not {json.dumps(value)[:80]}")
