"""`HookPlugin`: one registered plugin, its hooks called behind a fence, its failures counted."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import iscoroutine
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from smoothop.engine.logs import write
from smoothop.plugins.checking import specifications
from smoothop.plugins.loading import located, way_out

if TYPE_CHECKING:
    from pluggy import HookImpl

    from smoothop.plugins.backlog import Backlog
    from smoothop.plugins.info import PluginInfo

logger = logging.getLogger("smoothop.plugins")


class HookPlugin:
    """One hook plugin; its hooks may be called from any thread.

    Attributes:
        hooks: the names of the hooks it implements, sorted.
        is_off: whether it failed too often in a row: nothing of it is called any more.
    """

    def __init__(
        self, info: PluginInfo, implementations: Mapping[str, Sequence[HookImpl]], max_failures: int
    ) -> None:
        self._info = info
        self._functions = {
            hook: [(one.function, _places(hook, one.argnames)) for one in several]
            for hook, several in implementations.items()
        }
        self._max_failures = max_failures
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()
        # Weakly: an operator that was never closed must not live as long as the registry.
        self._backlogs: WeakSet[Backlog] = WeakSet()
        self._dropped_before = 0
        self.hooks = tuple(sorted(self._functions))
        self.is_off = False

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self._info.name

    @property
    def label(self) -> str:
        """How messages call it."""
        return self._info.label

    @property
    def way_out(self) -> str:
        """The end of a message: how to get rid of it."""
        return way_out(self._info)

    @property
    def info(self) -> PluginInfo:
        """What is known about it now."""
        with self._lock:
            return replace(
                self._info,
                state="off" if self.is_off else "ok",
                error=self._why_off() if self.is_off else None,
                hooks=self.hooks,
                failures=MappingProxyType(dict(self._failures)),
                dropped=self._dropped_before + sum(one.dropped for one in self._backlogs),
            )

    def call(self, hook: str, *values: Any) -> bool:
        """Call its implementations of a hook; tell whether all returned.

        Args:
            hook: its name.
            values: all arguments of its specification, in order.
        """
        returned = True
        for function, places in self._functions.get(hook, ()):
            try:
                result = function(*values) if places is None else _called(function, values, places)
                if result is not None:
                    _refuse_coroutine(result)
            except BaseException as error:  # noqa: BLE001 - the fence around hooks
                self._failed(hook, error)
                returned = False
            else:
                self.succeeded(hook)
        return returned

    def results(self, hook: str, *values: Any) -> list[Any]:
        """Call its implementations of a hook; return what each that did not fail returned."""
        found = []
        for function, places in self._functions.get(hook, ()):
            returned, result = self.fenced(
                hook, _called, function, values, range(len(values)) if places is None else places
            )
            if returned:
                found.append(result)
        return found

    def fenced(self, hook: str, function: Callable[..., Any], *values: Any) -> tuple[bool, Any]:
        """Call something that belongs to a hook; return whether it returned, and what."""
        try:
            return True, function(*values)
        except BaseException as error:  # noqa: BLE001 - the fence around hooks
            self._failed(hook, error)
            return False, None

    def succeeded(self, hook: str) -> None:
        """All that belongs to one call of a hook has returned."""
        if self._in_a_row:
            self._in_a_row.pop(hook, None)

    def begin_backlog(self, backlog: Backlog) -> None:
        """Count also what it drops."""
        with self._lock:
            self._backlogs.add(backlog)

    def end_backlog(self, backlog: Backlog) -> None:
        """Keep what it has dropped, and forget it."""
        with self._lock:
            if backlog in self._backlogs:
                self._backlogs.discard(backlog)
                self._dropped_before += backlog.dropped

    def _failed(self, hook: str, error: BaseException) -> None:
        with self._lock:
            self._failures[hook] += 1
            self._in_a_row[hook] += 1
            is_first = self._failures[hook] == 1
            goes_off = not self.is_off and self._in_a_row[hook] == self._max_failures
            if goes_off:
                self.is_off = True
        if is_first:
            write(
                logger,
                logging.WARNING,
                "hook %s of %s failed: %s (its further failures are only counted)%s",
                hook,
                self.label,
                located(error),
                self.way_out,
            )
        write(logger, logging.DEBUG, "hook %s of %s failed", hook, self.label, cause=error)
        if goes_off:
            why = self._why_off()
            write(
                logger, logging.ERROR, "%s is called no more: %s%s", self.label, why, self.way_out
            )

    def _why_off(self) -> str:
        hooks = [hook for hook, times in self._in_a_row.items() if times >= self._max_failures > 0]
        return f"hook {', '.join(hooks)} failed {self._max_failures} times in a row"


def _places(hook: str, names: Sequence[str]) -> tuple[int, ...] | None:
    """Return which values of a hook a function takes; ``None``: all, in order."""
    known = specifications()[hook]
    return None if tuple(names) == known else tuple(map(known.index, names))


def _called(function: Callable[..., Any], values: Sequence[Any], places: Sequence[int]) -> Any:
    return function(*[values[place] for place in places])


def _refuse_coroutine(result: object) -> None:
    if iscoroutine(result):
        result.close()
        raise TypeError("the hook returned a coroutine, which nobody awaits")
