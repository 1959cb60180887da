"""What a handler is: the protocols, and the check that something is one.

A handler is an object with ``handle(ctx)``, an object with ``async handle(ctx)``, a function
``f(ctx)`` or an ``async`` function ``f(ctx)``. It returns what `none`, `done` or `fail` gives.
An object may also have ``setup(ctx)`` and ``teardown(ctx)``, sync or async as its ``handle`` is,
and the class attributes ``config`` (its default `Config`) and ``Settings``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from smoothop.config import Config
from smoothop.errors import InvalidHandlerError

if TYPE_CHECKING:
    from smoothop.engine.worker.context import AsyncContext, Context
    from smoothop.results import HandleResult

_F = TypeVar("_F", bound=Callable[[], object])
_FACTORY_MARK = "__smoothop_handler_factory__"

_methods: WeakKeyDictionary[FunctionType, bool] = WeakKeyDictionary()
"""Methods that can be called with a context -> whether they are async."""


class SyncHandler(Protocol):
    """An object whose `handle` does one unit of work on a thread."""

    def handle(self, ctx: Context, /) -> HandleResult:
        """Do one unit of work; called again and again, never twice at a time by one slot."""
        ...


class AsyncHandler(Protocol):
    """An object whose `handle` does one unit of work on the event loop."""

    async def handle(self, ctx: AsyncContext, /) -> HandleResult:
        """Do one unit of work; called again and again, never twice at a time by one slot."""
        ...


Handler = (
    SyncHandler
    | AsyncHandler
    | Callable[["Context"], "HandleResult"]
    | Callable[["AsyncContext"], Any]
)
"""Anything that `Operator.add_handler` takes."""


def handler_factory(function: _F) -> _F:
    """Mark a function without arguments that makes a handler, for use as an entry point.

    Without the mark a function that an entry point names is taken as the handler itself.
    """
    setattr(function, _FACTORY_MARK, True)
    return function


def is_handler_factory(value: object) -> bool:
    """Tell whether `handler_factory` has marked `value`."""
    return getattr(value, _FACTORY_MARK, False) is True


@dataclass(frozen=True, slots=True)
class HandlerCalls:
    """The callables of a handler, checked: what the engine calls, and how.

    Attributes:
        handler: the handler itself.
        handle: takes the context, returns a `HandleResult` (a coroutine if `is_async`).
        setup: the same before the first `handle` of a start, or ``None``.
        teardown: the same after the last one, or ``None``.
        is_async: whether all of them are coroutine functions.
        config: the default config the handler brings, or ``None``.
    """

    handler: object
    handle: Callable[[Any], Any]
    setup: Callable[[Any], Any] | None
    teardown: Callable[[Any], Any] | None
    is_async: bool
    config: Config | None

    @property
    def label(self) -> str:
        """The handler's type or function as ``module:qualname``."""
        return _label(self.handler)


def handler_calls(handler: object) -> HandlerCalls:
    """Check that `handler` is a handler and return its callables.

    Raises:
        InvalidHandlerError: says what is wrong with it and what would be right.
    """
    if isinstance(handler, type):
        raise InvalidHandlerError(
            f"{_label(handler)} is a class: give an instance of it, {handler.__name__}(...)"
        )
    if hasattr(handler, "handle"):
        handle, member = handler.handle, ".handle"
    else:
        handle, member = handler, ""
    if not callable(handle):
        raise InvalidHandlerError(
            f"{handler!r} is no handler: give an object with handle(ctx), or a function f(ctx)"
        )
    is_async = _checked(handle, handler, member)
    return HandlerCalls(
        handler=handler,
        handle=handle,
        setup=_optional(handler, "setup", is_async),
        teardown=_optional(handler, "teardown", is_async),
        is_async=is_async,
        config=_own_config(handler),
    )


def _label(handler: object) -> str:
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return f"{named.__module__}:{named.__qualname__}"


def _optional(handler: object, name: str, is_async: bool) -> Callable[[Any], Any] | None:
    function = getattr(handler, name, None)
    if function is None or not hasattr(handler, "handle"):
        return None
    if not callable(function):
        raise InvalidHandlerError(f"{_label(handler)}.{name} must be a method, it is {function!r}")
    if _checked(function, handler, f".{name}") is not is_async:
        kind = "async, as handle is" if is_async else "a plain method, as handle is"
        raise InvalidHandlerError(f"{_label(handler)}.{name} must be {kind}")
    return function  # type: ignore[no-any-return]


def _own_config(handler: object) -> Config | None:
    config = getattr(handler, "config", None) if hasattr(handler, "handle") else None
    if config is None or isinstance(config, Config):
        return config
    raise InvalidHandlerError(
        f"{_label(handler)}.config must be a smoothop.Config, it is {config!r}"
    )


def _checked(function: Callable[..., Any], handler: object, member: str) -> bool:
    """Check that `function` can be called with a context; tell whether it is async.

    A method is looked into once, not for each object that has it: where a hundred thousand
    handlers are added, the look costs more than all the rest.
    """
    method = function.__func__ if type(function) is MethodType else None
    known = _methods.get(method) if type(method) is FunctionType else None
    if known is not None:
        return known
    is_async = _looked_into(function, _label(handler) + member)
    if type(method) is FunctionType:
        _methods[method] = is_async
    return is_async


def _looked_into(function: Callable[..., Any], what: str) -> bool:
    code = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise InvalidHandlerError(f"{what} is a generator: it must return a result, not yield")
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise InvalidHandlerError(
            f"{what} must be callable with one argument, the context"
        ) from None
    except ValueError:  # a builtin without a signature: the first call will tell
        pass
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(code)
