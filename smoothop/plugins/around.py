"""What plugins put around each call of `handle`, or each dispatch: all of it behind the fence."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from smoothop.plugins.hook_plugin import HookPlugin

HANDLE: Final = "smoothop_around_handle"
DISPATCH: Final = "smoothop_around_dispatch"
HOOKS: Final = frozenset({HANDLE, DISPATCH})


class Around:
    """Enters the context managers of the plugins one after the other, and leaves them in reverse.

    What they raise is logged and counted; what they stand around happens all the same, and what
    that returns or raises stays as it is.
    """

    __slots__ = ("_arguments", "_entered", "_failed", "_hook", "_plugins")

    def __init__(self, plugins: Sequence[HookPlugin], hook: str, *arguments: object) -> None:
        self._plugins = plugins
        self._hook = hook
        self._arguments = arguments
        self._entered: list[tuple[HookPlugin, Any]] = []
        self._failed: tuple[HookPlugin, ...] = ()

    def __enter__(self) -> Self:
        for plugin in self._plugins:
            if not plugin.is_off:
                for manager in plugin.results(self._hook, *self._arguments):
                    if manager is not None and plugin.fenced(self._hook, _enter, manager)[0]:
                        self._entered.append((plugin, manager))
        return self

    def handle_returned(self, result: object) -> None:
        """Tell those that want to know; see `smoothop_around_handle`."""
        for plugin, manager in reversed(self._entered):
            tell = getattr(type(manager), "handle_returned", None)
            if tell is not None and not plugin.fenced(self._hook, tell, manager, result)[0]:
                self._failed = (*self._failed, plugin)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._entered:
            plugin, manager = self._entered.pop()
            left = plugin.fenced(self._hook, _leave, manager, kind, error, trace)[0]
            if left and plugin not in self._failed:
                plugin.succeeded(self._hook)
        if error is not None:
            error.__traceback__ = trace  # a generator it was thrown into has left its lines there


def _enter(manager: Any) -> None:
    if not hasattr(type(manager), "__exit__"):
        raise TypeError(f"a context manager must be returned, not {type(manager).__name__}")
    type(manager).__enter__(manager)


def _leave(manager: Any, *what: object) -> None:
    type(manager).__exit__(manager, *what)
