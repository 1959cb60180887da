"""What plugins put around each call of `handle`: all of it behind the fence."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from smoothop.engine.context import AsyncContext, Context
    from smoothop.engine.worker import Worker
    from smoothop.plugins.hook_plugin import HookPlugin

HOOK: Final = "smoothop_around_handle"


class Around:
    """Enters the context managers of the plugins one after the other, and leaves them in reverse.

    What they raise is logged and counted; the handler is called all the same, and what it
    returns or raises is what the worker gets.
    """

    __slots__ = ("_ctx", "_entered", "_plugins", "_worker")

    def __init__(
        self, plugins: Sequence[HookPlugin], worker: Worker, ctx: Context | AsyncContext
    ) -> None:
        self._plugins = plugins
        self._worker = worker
        self._ctx = ctx
        self._entered: list[tuple[HookPlugin, Any]] = []

    def __enter__(self) -> None:
        for plugin in self._plugins:
            if not plugin.is_off:
                for manager in plugin.results(HOOK, self._worker, self._ctx):
                    if manager is not None and plugin.fenced(HOOK, _enter, manager)[0]:
                        self._entered.append((plugin, manager))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._entered:
            plugin, manager = self._entered.pop()
            if plugin.fenced(HOOK, _leave, manager, kind, error, trace)[0]:
                plugin.succeeded(HOOK)
        if error is not None:
            error.__traceback__ = trace  # a generator it was thrown into has left its lines there


def _enter(manager: Any) -> None:
    if not hasattr(type(manager), "__exit__"):
        raise TypeError(f"a context manager must be returned, not {type(manager).__name__}")
    type(manager).__enter__(manager)


def _leave(manager: Any, *what: object) -> None:
    type(manager).__exit__(manager, *what)
