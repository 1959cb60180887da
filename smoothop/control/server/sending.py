"""The route that sends a message."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from smoothop.control.failures import Failure
from smoothop.control.server.replies import reply
from smoothop.control.server.waits import checked_timeout, unless_gone
from smoothop.control.wire import parse, refuse_unsayable
from smoothop.errors import HandlerFailedError, HandlerPanickedError, MessageDroppedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from smoothop.control.server.room import Room
    from smoothop.engine.messages.receipt import Receipt

_KEYS = {"message", "wait", "timeout"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a client wants to have sent.

    Attributes:
        message: the message.
        wait: whether the client waits for the outcome.
        timeout: seconds it waits at most; ``None``: as long as it takes.
    """

    message: Any
    wait: bool
    timeout: float | None

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read the body of a request.

        Raises:
            Failure: it says something else.
        """
        document = parse(body)
        if not isinstance(document, dict) or "message" not in document or set(document) - _KEYS:
            what = 'the body is {"message": ...}, with "wait" and "timeout" if wanted'
            raise Failure("bad_request", what)
        wait = document.get("wait", False)
        if not isinstance(wait, bool):
            raise Failure("bad_request", "wait: true or false")
        return cls(document["message"], wait, checked_timeout(document.get("timeout")))


async def send(room: Room, request: Request) -> Response:
    """Send a message to a worker, and wait for its outcome if wanted."""
    worker = room.worker(request.path_params["name"])
    order = Order.of(await request.body())
    began = time.monotonic()
    sending = room.operator.dispatch_async(worker.name, order.message, timeout=order.timeout)
    receipt = await unless_gone(request, sending)
    if not order.wait:
        return reply({"accepted": True}, 202)
    left = None if order.timeout is None else order.timeout - (time.monotonic() - began)
    try:
        async with asyncio.timeout(left):
            return reply(await unless_gone(request, _outcome(worker.name, receipt)))
    except TimeoutError:
        what = (
            f"no outcome from worker {worker.name} within {order.timeout:g} seconds; "
            "the message was accepted, and will be handled"
        )
        raise Failure("no_outcome", what) from None


async def _outcome(worker: str, receipt: Receipt) -> dict[str, Any]:
    try:
        return _shown(worker, await receipt)
    except HandlerFailedError as error:
        return _not_done("failed", _typed(error, f"worker {worker}: handler failed: "))
    except HandlerPanickedError as error:
        return _not_done("panicked", _typed(error, f"worker {worker}: handler panicked: "))
    except MessageDroppedError as error:
        return _not_done("dropped", str(error))


def _not_done(outcome: str, text: str) -> dict[str, Any]:
    return {"outcome": outcome, "result": None, "error": text}


def _typed(error: Exception, before: str) -> str:
    """Return the error's text with the type of the handler's exception, which does not travel."""
    # Not the text of the exception itself: asking for it would run user code here.
    kind, text = type(error.__cause__), str(error).removeprefix(before)
    if kind in (type(None), Exception) or text == kind.__name__:  # the second: a text for `fail`
        return f"{before}{text}"
    return f"{before}{kind.__name__}: {text}"


def _shown(worker: str, result: Any) -> dict[str, Any]:
    """Say what the handler has answered, if JSON can say it."""
    try:
        refuse_unsayable(result)
    except (ValueError, TypeError, RecursionError) as error:
        what = f"worker {worker}: the result is done, but JSON cannot say it: {error}"
        return {"outcome": "done", "result": None, "error": what}
    return {"outcome": "done", "result": result, "error": None}
