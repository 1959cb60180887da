"""Stands in, in the child, for the slot, the worker and the operator that are in the parent.

So what a handler is given is a `Context` like any other, and needs to know nothing of processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from smoothop._durations import Duration, seconds
from smoothop.engine.machine import SYSTEM
from smoothop.engine.runners.process.answers import unsendable
from smoothop.engine.runners.process.inside.receipt import ChildReceipt
from smoothop.engine.runners.process.requests import DISPATCH
from smoothop.engine.runners.process.wire import packed

if TYPE_CHECKING:
    from smoothop.engine.logs import LoggerAdapter
    from smoothop.engine.runners.process.inside.messenger import Messenger
    from smoothop.engine.waiting import Latch
    from smoothop.engine.worker.slot import Slot


def stand_in(name: str, logger: LoggerAdapter, messenger: Messenger) -> Slot:
    """Return what a `Context` needs of a slot."""
    core = _Core(name, logger, _Operator(messenger))
    return cast("Slot", _Slot(core, _Run(messenger.stop)))


class _Slot:
    def __init__(self, core: _Core, run: _Run) -> None:
        self.core = core
        self.run = run


class _Core:
    def __init__(self, name: str, logger: LoggerAdapter, operator: _Operator) -> None:
        self.name = name
        self.handler_logger = logger
        self.operator = operator
        self.machine = SYSTEM


class _Run:
    def __init__(self, stop: Latch) -> None:
        self.stop = stop

    @property
    def stopping(self) -> bool:
        return self.stop.is_set


class _Operator:
    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger

    def dispatch(self, name: str, message: Any, *, timeout: Duration | None = None) -> ChildReceipt:
        limit = None if timeout is None else seconds(timeout, "timeout")
        try:
            body = packed(message)
        except Exception as cause:  # nothing more: to be terminated is not the message's fault
            raise unsendable("the message", message, cause) from cause
        accepted = self._messenger.ask(DISPATCH, name, body, limit)
        accepted.get()
        return ChildReceipt(self._messenger, name, accepted.number)
