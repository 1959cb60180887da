"""The main thread of a child: carries out its parent's orders."""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final, NoReturn

from smoothop.engine.logs import naming
from smoothop.engine.runners.process import wire
from smoothop.engine.runners.process.carried import arrived
from smoothop.engine.runners.process.inside.dumping import dump_to
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
    _, _, orders, side, _, parent, dump = sys.argv
    sys.argv[1:] = []
    termination = Termination()
    termination.install()
    die_with(int(parent))
    if sys.stderr is not None:
        faulthandler.enable()  # so that a crash says where
    dump_to(int(dump))
    messenger = Messenger(_link(side), termination)
    messenger.start()
    servant = Servant(_link(orders), messenger, termination)
    os.register_at_fork(after_in_child=servant.forked)
    servant.serve()


def _link(descriptor: str) -> wire.Link:
    end = socket.socket(fileno=int(descriptor))
    end.set_inheritable(False)  # the processes a handler starts have no part in this
    _ends.append(end)
    return wire.Link(end)


def _end_copy(kind: int, body: bytes) -> NoReturn:
    """End a copy of this process that has left the handler: nobody waits for what came of that.

    An exception ends it as it does any program. Otherwise nothing is done that this process has
    yet to do at its own end, like removing its files.
    """
    if kind == wire.RAISED:
        raise arrived(wire.unpacked(body))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(0)


class Servant:
    """Carries out the orders, one at a time."""

    def __init__(self, orders: wire.Link, messenger: Messenger, termination: Termination) -> None:
        self._orders = orders
        self._messenger = messenger
        self._termination = termination
        self._resident: Resident | None = None
        self._forwarding: Forwarding | None = None
        self._is_copy = False

    def serve(self) -> None:
        """Carry out every order; the last one is to leave."""
        while True:
            kind, body = self._next()
            if kind == wire.HANDLE and self._resident is not None:
                self._answer(*self._resident.handle(body))
            elif kind == wire.BEGIN:
                self._answer(*self._begin(wire.unpacked(body)))
            else:
                # Said aside as well, but `teardown` might begin before that is heard.
                if wire.unpacked(body):
                    self._messenger.stop.set()
                resident = self._resident
                self._answer(*(resident.tear_down() if resident else (wire.RETURNED, b"")))
                return

    def forked(self) -> None:
        """Let go, in a copy of this process that the handler forks, of what is not the copy's.

        A thread that is not in it may have held any lock. Its records go where those of a process
        go that has not set up logging.
        """
        self._is_copy = True
        self._orders.forked()
        self._messenger.forked()
        if self._forwarding is not None:
            logging.root.removeHandler(self._forwarding)  # logging sees to its own locks

    def _answer(self, kind: int, body: bytes) -> None:
        if self._is_copy:
            _end_copy(kind, body)
        self._orders.send(kind, body)

    def _say(self, kind: int, body: bytes) -> None:
        if not self._is_copy:
            self._orders.send(kind, body)

    def _next(self) -> Frame:
        try:
            return self._orders.receive()
        except (EOFError, OSError):
            leave()

    def _begin(self, given: Beginning) -> Frame:
        sys.path[:] = given.path
        self._forwarding = Forwarding(given.worker, self._log)
        logging.root.addHandler(self._forwarding)
        take_levels(given.levels)
        logger = naming(logging.getLogger(given.logger), given.worker)
        slot = stand_in(given.worker, logger, self._messenger)

        def settle_in() -> None:
            calls = cook(given.recipe)
            if calls.setup is not None:
                calls.setup(Context(slot))
            wear = Wear(given.max_memory, given.max_handles)
            self._resident = Resident(calls, slot, self._termination, wear, self._say)

        answer = fenced(self._termination, settle_in)
        if self._resident is not None:
            self._resident.say_if_worn()
        return answer

    def _log(self, body: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            self._messenger.log(body)
            return
        # In order with what the handler does: the parent writes it before it hears the answer.
        self._orders.send(wire.LOGGED, body)
