"""`Relay`: lets hook plugins follow an operator; the observer that the engine tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from smoothop.engine.completion import Completion, all_of
from smoothop.errors import InvalidHandlerError, PluginError
from smoothop.events import KINDS, Kind
from smoothop.handlers import handler_calls
from smoothop.plugins import around
from smoothop.plugins.around import Around
from smoothop.plugins.checking import has_hooks, specifications
from smoothop.plugins.hook_plugin import HookPlugin
from smoothop.plugins.info import HandlerHooksInfo
from smoothop.plugins.lane import HOOK_OF_KIND, LAST, Lane
from smoothop.plugins.manager import HookManager

if TYPE_CHECKING:
    from pluggy import HookImpl

    from smoothop.engine.machine import Machine
    from smoothop.engine.operator import Operator
    from smoothop.engine.watching.observing import Enter, EnterDispatch
    from smoothop.engine.watching.streams import RawEvent
    from smoothop.engine.worker.view import Worker
    from smoothop.plugins.info import PluginInfo

NOT_OF_HANDLERS: Final = frozenset({"smoothop_add_handlers", "smoothop_cli", "smoothop_http"})
"""Hooks that are called before there is a handler: one that has them would wait in vain."""

FOLLOWING: Final = frozenset(specifications()) - NOT_OF_HANDLERS - around.HOOKS
"""Hooks that tell what has happened: called on a lane."""


class Relay:
    """Passes on what happens to one operator, to each plugin on a lane of its own."""

    def __init__(
        self,
        plugins: Iterable[HookPlugin],
        inside: Mapping[str, Sequence[HookPlugin]],
        max_failures: int,
    ) -> None:
        """Make a relay.

        Args:
            plugins: all that follow.
            inside: hook of `around.HOOKS` -> those of them that have it, the outermost first.
            max_failures: how often in a row a hook of a handler may fail.
        """
        self._plugins = tuple(plugins)
        self._inside = inside
        self._max_failures = max_failures
        self.shared_lanes: tuple[Lane, ...] = ()
        self._own_lanes: list[Lane] = []
        self._is_started = False

    def begin(self, machine: Machine) -> None:
        """See `Observer.begin`."""
        self._machine = machine
        self._lock = machine.lock()
        self.shared_lanes = tuple(
            Lane(plugin, machine)
            for plugin in self._plugins
            if not FOLLOWING.isdisjoint(plugin.hooks)
        )

    def watch(self, worker: Worker, handler: object) -> WorkerWatch:
        """See `Observer.watch`."""
        own = self._hooks_of_handler(worker, handler)
        lane = None if own is None else Lane(own, self._machine)
        return WorkerWatch(
            self, worker, lane, self._enter(worker, own), self._enter_dispatch(worker, own)
        )

    def operator_started(self, operator: Operator) -> None:
        """See `Observer.operator_started`."""
        with self._lock:
            self._is_started = True
            lanes = self._lanes()
        for lane in lanes:
            lane.tell("smoothop_operator_started", operator)
            lane.start()

    def operator_stopping(self, operator: Operator) -> None:
        """See `Observer.operator_stopping`."""
        for lane in self._lanes():
            lane.tell("smoothop_operator_stopping", operator)

    def operator_stopped(self, operator: Operator) -> Completion:
        """See `Observer.operator_stopped`."""
        lanes = self._lanes()
        for lane in lanes:
            lane.tell(LAST, operator)
        return all_of(self._machine, [lane.end() for lane in lanes], (), "the end of the hooks")

    def give_up(self) -> None:
        """See `Observer.give_up`."""
        for lane in self._lanes():
            lane.give_up()

    def infos(self) -> list[PluginInfo]:
        """See `Observer.infos`."""
        with self._lock:
            own = [lane.plugin for lane in self._own_lanes]
        return [plugin.info for plugin in (*self._plugins, *own)]

    def open_lane(self, lane: Lane) -> None:
        """Let a handler that was added have its lane."""
        with self._lock:
            self._own_lanes.append(lane)
            start = self._is_started
        if start:
            lane.start()

    def close_lane(self, lane: Lane) -> None:
        """End the lane of a handler that is gone."""
        with self._lock:
            self._own_lanes.remove(lane)
        lane.end()

    def _lanes(self) -> list[Lane]:
        with self._lock:
            return [*self.shared_lanes, *self._own_lanes]

    def _hooks_of_handler(self, worker: Worker, handler: object) -> HookPlugin | None:
        if not has_hooks(handler):
            return None
        info = HandlerHooksInfo(worker.name, handler_calls(handler).label, None, None, "ok")
        try:
            implementations = _implementations(handler, worker.name)
        except PluginError as error:
            raise InvalidHandlerError(f"the hooks of {info.target}: {error}") from None
        return HookPlugin(info, implementations, self._max_failures)

    def _enter(self, worker: Worker, own: HookPlugin | None) -> Enter | None:
        plugins = self._those_with(around.HANDLE, own)
        return partial(Around, plugins, around.HANDLE, worker) if plugins else None

    def _enter_dispatch(self, worker: Worker, own: HookPlugin | None) -> EnterDispatch | None:
        plugins = self._those_with(around.DISPATCH, own)
        return partial(Around, plugins, around.DISPATCH, worker) if plugins else None

    def _those_with(self, hook: str, own: HookPlugin | None) -> tuple[HookPlugin, ...]:
        plugins = tuple(self._inside[hook])
        return plugins if own is None or hook not in own.hooks else (*plugins, own)


class WorkerWatch:
    """Follows one worker for all plugins, and for the hooks of its own handler.

    Attributes:
        listeners: see `Watch`.
        enter: see `Watch`.
        enter_dispatch: see `Watch`.
    """

    def __init__(
        self,
        relay: Relay,
        worker: Worker,
        own: Lane | None,
        enter: Enter | None,
        enter_dispatch: EnterDispatch | None,
    ) -> None:
        self._relay = relay
        self._worker = worker
        self._own = own
        self._lanes = (*relay.shared_lanes, *([] if own is None else [own]))
        self.listeners = tuple(filter(None, (_listener(lane, worker) for lane in self._lanes)))
        self.enter = enter
        self.enter_dispatch = enter_dispatch

    def added(self) -> None:
        """See `Watch.added`."""
        if self._own is not None:
            self._relay.open_lane(self._own)
        for lane in self._lanes:
            lane.tell("smoothop_worker_added", self._worker)

    def removed(self) -> None:
        """See `Watch.removed`."""
        for lane in self._lanes:
            lane.tell("smoothop_worker_removed", self._worker)
        if self._own is not None:
            self._relay.close_lane(self._own)


class LaneListener:
    """Puts the events of one worker on one lane.

    Attributes:
        kinds: those whose hook the plugin has.
    """

    __slots__ = ("_lane", "_worker", "kinds")

    def __init__(self, lane: Lane, worker: Worker, kinds: frozenset[Kind]) -> None:
        self._lane = lane
        self._worker = worker
        self.kinds = kinds

    def put(self, raw: RawEvent, exception: BaseException | None = None, /) -> None:
        """See `Listener.put`."""
        self._lane.tell_event(self._worker, raw, exception)


def _listener(lane: Lane, worker: Worker) -> LaneListener | None:
    kinds = frozenset(kind for kind in KINDS if HOOK_OF_KIND[kind] in lane.plugin.hooks)
    return LaneListener(lane, worker, kinds) if kinds else None


def _implementations(handler: object, name: str) -> Mapping[str, Sequence[HookImpl]]:
    manager = HookManager()  # of its own: another operator may have a worker of the same name
    manager.register(handler, name)
    implementations = manager.of(handler)
    for hook in NOT_OF_HANDLERS.intersection(implementations):
        raise PluginError(f"{hook} is called before there is a handler: give it to a plugin")
    return implementations
