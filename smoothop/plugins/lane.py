"""`Lane`: tells one plugin what happens to one operator, on a thread of the plugin's own.

So a plugin that is slow, hangs or dies keeps neither a handler waiting nor another plugin.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from smoothop.engine.completion import Completion
from smoothop.engine.logs import write
from smoothop.engine.watching.streams import RawEvent, make_event
from smoothop.errors import SmoothopError
from smoothop.events import KINDS, Kind, PanicEvent
from smoothop.plugins.backlog import Backlog, Item
from smoothop.plugins.hook_plugin import HookPlugin, logger

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.view import Worker

BACKLOG: Final = 8192
"""How many frequent, and as many rare, hook calls may wait.

A worker that is busy without a pause keeps the interpreter for 5 ms and makes 3,000 events
meanwhile: a quick plugin must not lose any of them.
"""

EXCEPTIONS: Final = 16
"""How many exceptions of panics may wait: each holds the frames of its handler alive."""

HOOK_OF_KIND: Final[dict[Kind, str]] = {kind: f"smoothop_{kind}" for kind in KINDS}
FREQUENT: Final = frozenset({"handle", "dispatch"})
LAST: Final = "smoothop_operator_stopped"


class Exposed:
    """An exception on its way to a hook; `error` is ``None`` once it was let go."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Lane:
    """One plugin's calls for one operator, in order.

    Attributes:
        plugin: whose hooks are called.
        ended: done when it was told everything, or nothing can be told any more.
        at: the hook that is being called.
    """

    def __init__(self, plugin: HookPlugin, machine: Machine) -> None:
        self.plugin = plugin
        self.ended = Completion(machine, (), f"the end of {plugin.label}")
        self.at: str | None = None
        self._machine = machine
        self._backlog = Backlog(machine, BACKLOG)
        self._exceptions: deque[Exposed] = deque(maxlen=EXCEPTIONS)
        self._items: list[Item] = []
        self._has_thread = False
        self._is_given_up = False
        self._told_of_drops = False
        plugin.begin_backlog(self._backlog)

    def start(self) -> None:
        """Begin to tell what waits and what will come."""
        try:
            thread = self._machine.spawn(self._run, f"smoothop-hooks-{self.plugin.name}")
        except RuntimeError as error:
            write(logger, logging.ERROR, "%s is told nothing: %s", self.plugin.label, error)
            self.ended.succeed()
            self._backlog.end()
        else:
            self._has_thread = True
            self.ended.threads.append(thread)

    def tell(self, hook: str, subject: Worker | Operator) -> None:
        """Have a hook called, if the plugin has it; returns at once."""
        if hook in self.plugin.hooks and (not self.plugin.is_off or hook == LAST):
            self._backlog.put((hook, subject, None, None), False)

    def tell_event(self, worker: Worker, raw: RawEvent, exception: BaseException | None) -> None:
        """Have the hook of an event called; returns at once."""
        if not self.plugin.is_off:
            kind = raw[0].kind
            exposed = None if exception is None else self._expose(exception)
            self._backlog.put((HOOK_OF_KIND[kind], worker, raw, exposed), kind in FREQUENT)

    def end(self) -> Completion:
        """Tell what waits and then end; done when that is done."""
        self._backlog.end()
        if not self._has_thread:
            self._conclude()
        return self.ended

    def give_up(self) -> None:
        """Tell no more after the present call, and say which it is, if it has not ended."""
        self._is_given_up = True
        left = self._backlog.clear() + len(self._items)
        if not self.ended.done():
            write(
                logger,
                logging.WARNING,
                "%s is left behind in its hook %s; further calls not made: %d%s",
                self.plugin.label,
                self.at,
                left,
                self.plugin.way_out,
            )

    def _expose(self, exception: BaseException) -> Exposed:
        if len(self._exceptions) == EXCEPTIONS:
            self._exceptions[0].error = None
        exposed = Exposed(exception)
        self._exceptions.append(exposed)
        return exposed

    def _run(self) -> None:
        try:
            while items := self._backlog.take():
                # Popped one by one: an exception is let go as soon as its call is over.
                items.reverse()
                self._items = items
                while items and not self._is_given_up:
                    self._call(*items.pop())
                self._say_if_too_slow()
        finally:
            self._conclude()

    def _call(
        self,
        hook: str,
        subject: Worker | Operator,
        raw: RawEvent | None,
        exposed: Exposed | None,
    ) -> None:
        plugin = self.plugin
        if plugin.is_off and hook != LAST:
            return
        self.at = hook
        if raw is None:
            plugin.call(hook, subject)
        elif exposed is None:
            plugin.call(hook, subject, make_event(raw))
        else:
            # Only a panic comes with an exception.
            event: PanicEvent = make_event(raw)  # type: ignore[assignment]
            error = exposed.error or _let_go(event)
            exposed.error = None
            plugin.call(hook, subject, event, error)

    def _say_if_too_slow(self) -> None:
        if self._backlog.dropped and not self._told_of_drops:
            self._told_of_drops = True
            write(
                logger,
                logging.WARNING,
                "%s is too slow in its hook %s: events are dropped, and counted%s",
                self.plugin.label,
                self.at,
                self.plugin.way_out,
            )

    def _conclude(self) -> None:
        self._backlog.clear()
        self._items = []
        self.plugin.end_backlog(self._backlog)
        self.ended.succeed()


def _let_go(event: PanicEvent) -> SmoothopError:
    return SmoothopError(f"{event.error} (the exception itself was let go: too many were waiting)")
