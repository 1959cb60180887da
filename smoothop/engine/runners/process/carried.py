"""`Carried`: an exception on its way from one process to the other.

Where it can be pickled it arrives as what it was; otherwise as an exception with its name and
text. So do its causes. The last of them has the traceback of the process they come from, as text,
for its own cause.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from typing import Final, NamedTuple

from smoothop.engine.runners.process.wire import packed, unpacked
from smoothop.engine.texts import error_text
from smoothop.errors import SmoothopError

LONGEST: Final = 100_000
"""Characters of a traceback that are carried; its end says most."""

_MOST_CAUSES: Final = 8

_CAUSE: Final = BaseException.__dict__["__cause__"]
"""Sets a cause without the class's own `__setattr__`, which may refuse: a frozen dataclass does."""


class RemoteTracebackError(SmoothopError):
    """A traceback of another process, as text; only ever the cause of what was raised there."""


class ForeignError(SmoothopError):
    """Stands for an exception that could not be brought over; its type has that one's name."""


class One(NamedTuple):
    """One exception, as it goes over."""

    pickled: bytes | None
    name: str
    text: str


class Carried(NamedTuple):
    """An exception and its causes, as they go over."""

    chain: tuple[One, ...]
    trace: str


def carry(error: BaseException) -> Carried:
    """Return what can be sent of an exception; never raises."""
    chain = tuple(_chain(error))
    return Carried(tuple(map(_one, chain)), _trace(error, chain))


def arrived(carried: Carried) -> BaseException:
    """Return the exception that was sent; never raises."""
    errors = [_unpickled(one) for one in carried.chain]
    causes: list[BaseException | None] = [*errors[1:]]
    causes.append(RemoteTracebackError(carried.trace) if carried.trace else None)
    for error, cause in zip(errors, causes, strict=True):
        if cause is not None:
            _CAUSE.__set__(error, cause)
    return errors[0]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_CAUSES):
        if error is None or isinstance(error, RemoteTracebackError):  # whose text is in the trace
            return
        yield error
        error = error.__cause__


def _one(error: BaseException) -> One:
    try:
        pickled = packed(error)
    except BaseException:  # noqa: BLE001 - pickling runs the code of the exception's class
        pickled = None
    return One(pickled, type(error).__name__, error_text(error))


def _unpickled(one: One) -> BaseException:
    try:
        error = None if one.pickled is None else unpacked(one.pickled)
    except BaseException:  # noqa: BLE001 - as above; its class may also be missing here
        error = None
    if isinstance(error, BaseException):
        return error
    stand_in: BaseException = type(one.name, (ForeignError,), {})(one.text)
    return stand_in


def _trace(error: BaseException, chain: tuple[BaseException, ...]) -> str:
    if all(one.__traceback__ is None for one in chain):
        return ""
    try:
        text = "".join(traceback.format_exception(error)).rstrip()
    except BaseException:  # noqa: BLE001 - user code in __str__, or no memory for it
        text = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    if len(text) > LONGEST:
        text = f"[{len(text) - LONGEST} characters left out]\n{text[-LONGEST:]}"
    return f"in process {os.getpid()}:\n{text}"
