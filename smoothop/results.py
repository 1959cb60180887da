"""What one call of a handler came to: `none`, `done` or `fail`."""

from __future__ import annotations

import reprlib
from dataclasses import FrozenInstanceError
from enum import StrEnum
from types import CoroutineType
from typing import Any, Final, Never

from smoothop._durations import Duration, seconds


class HandleStatus(StrEnum):
    """The three outcomes of a `handle` call (a panic is not one: it is an exception)."""

    NONE = "none"
    DONE = "done"
    FAIL = "fail"


# By these names on hot paths: up to Python 3.11, `HandleStatus.DONE` itself runs a property in
# Python, which costs more than calling a handler.
NONE: Final = HandleStatus.NONE
DONE: Final = HandleStatus.DONE
FAIL: Final = HandleStatus.FAIL


class HandleResult:
    """The immutable outcome of one `handle` call; made by `none`, `done` and `fail`.

    Attributes:
        status: which of the three it is.
        idle: seconds to sleep before the next call; 0 means call again at once.
        error: the exception of a `fail`, otherwise ``None``.
        result: what `done` hands back to the dispatcher, otherwise ``None``.
    """

    __slots__ = ("error", "idle", "result", "status")

    status: HandleStatus
    idle: float
    error: BaseException | None
    result: Any

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("a HandleResult is made by none(...), done(...) or fail(...)")

    # As a frozen dataclass does, which `Config` and the events are: an AttributeError.

    def __setattr__(self, name: str, value: object) -> Never:
        raise FrozenInstanceError(f"a HandleResult is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> Never:
        raise FrozenInstanceError(f"a HandleResult is immutable: {name} cannot be deleted")

    def __repr__(self) -> str:
        return (
            f"HandleResult(status={self.status.value!r}, idle={self.idle!r}, "
            f"error={self.error!r}, result={self.result!r})"
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not HandleResult:
            return NotImplemented
        return (self.status, self.idle, self.error, self.result) == (
            other.status,
            other.idle,
            other.error,
            other.result,
        )

    def __hash__(self) -> int:
        return hash((self.status, self.idle, self.error))

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return remade, (self.status, self.idle, self.error, self.result)


class _Unfrozen:
    """A result while it is being made: the same slots, so Python lets it become one."""

    __slots__ = HandleResult.__slots__

    status: HandleStatus
    idle: float
    error: BaseException | None
    result: Any


def remade(
    status: HandleStatus, idle: float, error: BaseException | None, result: object
) -> HandleResult:
    """Return the result of these parts, which are right as they are: nothing is checked."""
    # A result is made for every message that is answered: setting the slots of a HandleResult
    # past its __setattr__ takes twice as long.
    made = _Unfrozen()
    made.status = status
    made.idle = idle
    made.error = error
    made.result = result
    made.__class__ = HandleResult  # type: ignore[assignment]  # it has the same slots
    return made  # type: ignore[return-value]  # and so is one


# A busy worker returns these again and again; being immutable, one of each is enough.
_BARE_NONE: Final = remade(NONE, 0.0, None, None)
_BARE_DONE: Final = remade(DONE, 0.0, None, None)

# What `none` was last given, and what it returned: a handler mostly sleeps as long each time.
_latest: tuple[Duration, HandleResult] = 0, _BARE_NONE


def none(idle: Duration = 0) -> HandleResult:
    """Say that no work was there.

    Args:
        idle: seconds (or a timedelta) to sleep before the next call. The sleep ends early
            when a message arrives or the worker is asked to stop. 0 polls without sleeping.

    Raises:
        ValueError: `idle` is negative, not finite or not a duration.
    """
    global _latest  # noqa: PLW0603 - a pair: whoever reads it finds both of one call
    if idle == 0 and type(idle) is int:
        return _BARE_NONE
    given, made = _latest
    if idle is not given:
        made = remade(NONE, seconds(idle, "idle"), None, None)
        _latest = idle, made
    return made


def done(result: Any = None) -> HandleResult:
    """Say that work was done; the worker calls again at once.

    Args:
        result: given to whoever dispatched the message, by `Receipt.result`.
    """
    if result is None:
        return _BARE_DONE
    return remade(DONE, 0.0, None, result)


def fail(error: BaseException | str, idle: Duration = 0) -> HandleResult:
    """Say that the handler failed; the error is logged and the worker backs off.

    Args:
        error: an exception, or a text (kept as an exception of that text).
        idle: seconds (or a timedelta) to back off before the next call. A message does not
            end this sleep; being asked to stop does.

    Raises:
        ValueError: `idle` is negative, not finite or not a duration.
        TypeError: `error` is neither an exception nor a text.
    """
    if isinstance(error, str):
        error = Exception(error)
    elif not isinstance(error, BaseException):
        raise TypeError(f"fail() takes an exception or a text, not {error!r}")
    return remade(FAIL, seconds(idle, "idle"), error, None)


def wrong_result(result: object) -> TypeError:
    """Return the error that says what came back instead of a `HandleResult`."""
    # By type(), not isinstance: that asks the object for its __class__, which may be anything.
    kind = type(result)
    if kind is CoroutineType:
        result.close()  # type: ignore[attr-defined]  # nobody will await it
        hint = ": declare the handler with `async def`, or do not return a coroutine"
    else:
        hint = ": return none(...), done(...) or fail(...)"
    if result is None:
        what = "None"
    elif issubclass(kind, type):
        what = f"the class {result.__name__}"  # type: ignore[attr-defined]  # as all classes have
    elif kind in (bool, int, float, str):  # the likely slips, whose repr is no user code
        what = f"{kind.__name__} {_shown(result)}"
    else:
        what = kind.__name__
    return TypeError(f"the handler must return a HandleResult, it returned {what}{hint}")


def _shown(value: object) -> str:
    try:
        return reprlib.repr(value)
    except ValueError:  # Python refuses to write an int of thousands of digits
        return "of very many digits"
