"""A recipe: a pickled function without arguments that makes the handler in a child."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from smoothop.engine.runners.process.blame import why_not, why_not_elsewhere
from smoothop.engine.runners.process.wire import packed, unpacked
from smoothop.errors import ConfigError, InvalidHandlerError
from smoothop.handlers import handler_calls

if TYPE_CHECKING:
    from smoothop.handlers import HandlerCalls

Maker = Callable[[], Any]
"""Makes a handler anew, in whatever process it is called."""


class NotForAProcessError(InvalidHandlerError, ConfigError):
    """The handler cannot run in a process: its config asks for what cannot be done."""


def recipe(calls: HandlerCalls, maker: Maker | None) -> bytes:
    """Return how to make the handler in a child: by its maker, or else as a copy of what it is.

    Raises:
        NotForAProcessError: it cannot be made there; names what stands in the way.
    """
    if calls.is_async:
        raise NotForAProcessError(
            f"handler {calls.label} cannot run in a process: it is async, and run_in is for sync "
            "handlers; leave run_in out, or make its methods plain ones"
        )
    if maker is not None:
        why = why_not(maker)
        if why is not None:
            raise _refused(f"of handler {calls.label}, its name and settings", why)
        return packed(maker)
    why = why_not_elsewhere(calls.handler)
    if why is not None:
        raise _refused(f"handler {calls.label}", why)
    return packed(partial(_itself, calls.handler))


def cook(text: bytes) -> HandlerCalls:
    """Make the handler; raises what its class or module raises."""
    return handler_calls(unpacked(text)())


def _itself(handler: Any) -> Any:
    return handler


def _refused(what: str, why: str) -> NotForAProcessError:
    return NotForAProcessError(f"{what} cannot run in a process: {why}")
