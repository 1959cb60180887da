"""What a call came to, as it goes over the wire; and the errors where something cannot go."""

from __future__ import annotations

from typing import Any, Final

from smoothop.engine.runners.process.blame import why_not
from smoothop.engine.runners.process.carried import Carried, arrived, carry
from smoothop.engine.runners.process.wire import packed
from smoothop.engine.texts import typed_text
from smoothop.results import HandleResult, HandleStatus, remade


class UnsendableError(TypeError):
    """A message, a result or an outcome that cannot go from one process to the other."""


Answer = tuple[str, float, Carried | None, Any]
"""What `handle` returned: its status, its idle in seconds, the error of a `fail`, the result of a
`done`."""

_STATUS: Final = {status.value: status for status in HandleStatus}


def answer(result: HandleResult) -> bytes:
    """Return the body of an answer.

    Raises:
        UnsendableError: the result cannot be pickled; names the part.
    """
    error = None if result.error is None else carry(result.error)
    try:
        # A bare tuple: looking up the name of a class for each message would take 4 us.
        return packed((str(result.status), result.idle, error, result.result))
    except BaseException as cause:
        raise unsendable("the result", result.result, cause) from cause


def told_by(answer: Answer) -> HandleResult:
    """Return the result that an answer tells."""
    status, idle, error, result = answer
    return remade(_STATUS[status], idle, None if error is None else arrived(error), result)


def unsendable(what: str, value: object, cause: BaseException) -> UnsendableError:
    """Return the error that names what cannot be sent, and the part that keeps it from that."""
    why = why_not(value) or f"it cannot be pickled ({typed_text(cause)})"
    kind = type(value).__name__
    return UnsendableError(f"{what}, of type {kind}, cannot be sent between processes: {why}")


def unreadable(what: str, error: BaseException) -> UnsendableError:
    """Return the error that says that what was sent cannot be read where it arrived."""
    text = f"{what} cannot be read in the other process ({typed_text(error)})"
    if not isinstance(error, MemoryError):
        text += (
            ": its classes must be ones that can be imported there, so they must not stand in the "
            "program itself (__main__)"
        )
    return UnsendableError(text)
