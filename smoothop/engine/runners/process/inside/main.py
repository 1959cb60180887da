"""The main thread of a child: carries out its parent's orders."""

from __future__ import annotations

import faulthandler
import logging
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

from smoothop.engine.logs import naming
from smoothop.engine.runners.process import wire
from smoothop.engine.runners.process.inside.lifeline import die_with, leave
from smoothop.engine.runners.process.inside.messenger import Messenger
from smoothop.engine.runners.process.inside.resident import Frame, Resident, fenced
from smoothop.engine.runners.process.inside.stand_in import stand_in
from smoothop.engine.runners.process.inside.termination import Termination
from smoothop.engine.runners.process.inside.wear import Wear
from smoothop.engine.runners.process.recipe import cook
from smoothop.engine.runners.process.records import Forwarding, take_levels
from smoothop.engine.worker.context import Context

if TYPE_CHECKING:
    from smoothop.engine.runners.process.beginning import Beginning

_ends: Final[list[socket.socket]] = []  # open to the very end of the process, which they announce


def main() -> None:
    """Live as a child, from the first order to the last."""
    _, _, orders, side, _, parent = sys.argv
    sys.argv[1:] = []
    termination = Termination()
    termination.install()
    die_with(int(parent))
    if sys.stderr is not None:
        faulthandler.enable()  # so that a crash says where
    messenger = Messenger(_link(side), termination)
    messenger.start()
    Servant(_link(orders), messenger, termination).serve()


def _link(descriptor: str) -> wire.Link:
    end = socket.socket(fileno=int(descriptor))
    end.set_inheritable(False)  # the processes a handler starts have no part in this
    _ends.append(end)
    return wire.Link(end)


class Servant:
    """Carries out the orders, one at a time."""

    def __init__(self, orders: wire.Link, messenger: Messenger, termination: Termination) -> None:
        self._orders = orders
        self._messenger = messenger
        self._termination = termination
        self._resident: Resident | None = None

    def serve(self) -> None:
        """Carry out every order; the last one is to leave."""
        while True:
            kind, body = self._next()
            if kind == wire.HANDLE and self._resident is not None:
                self._orders.send(*self._resident.handle(body))
            elif kind == wire.BEGIN:
                self._orders.send(*self._begin(wire.unpacked(body)))
            else:
                # Said aside as well, but `teardown` might begin before that is heard.
                if wire.unpacked(body):
                    self._messenger.stop.set()
                resident = self._resident
                self._orders.send(*(resident.tear_down() if resident else (wire.RETURNED, b"")))
                return

    def _next(self) -> Frame:
        try:
            return self._orders.receive()
        except (EOFError, OSError):
            leave()

    def _begin(self, given: Beginning) -> Frame:
        sys.path[:] = given.path
        logging.root.addHandler(Forwarding(given.worker, self._log))
        take_levels(given.levels)
        logger = naming(logging.getLogger(given.logger), given.worker)
        slot = stand_in(given.worker, logger, self._messenger)

        def settle_in() -> None:
            calls = cook(given.recipe)
            if calls.setup is not None:
                calls.setup(Context(slot))
            wear = Wear(given.max_memory, given.max_handles)
            self._resident = Resident(calls, slot, self._termination, wear, self._orders.send)

        answer = fenced(self._termination, settle_in)
        if self._resident is not None:
            self._resident.say_if_worn()
        return answer

    def _log(self, body: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            self._messenger.log(body)
            return
        # In order with what the handler does: the parent writes it before it hears the answer.
        with self._termination.shielded():
            self._orders.send(wire.LOGGED, body)
