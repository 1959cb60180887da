"""`Messenger`: the thread beside the handler: hears the parent, and asks it on its behalf."""

from __future__ import annotations

import os
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from smoothop.engine.machine import SYSTEM
from smoothop.engine.runners.process import wire
from smoothop.engine.runners.process.carried import arrived
from smoothop.engine.runners.process.inside.lifeline import leave
from smoothop.engine.runners.process.requests import GIVE_UP, Request
from smoothop.engine.texts import thread_stack
from smoothop.engine.waiting import Latch
from smoothop.errors import OperatorClosedError

if TYPE_CHECKING:
    from smoothop.engine.runners.process.inside.termination import Termination
    from smoothop.engine.runners.process.wire import Link


class Reply(Latch):
    """What the parent answers to one request, once it has."""

    __slots__ = ("_body", "_is_well", "number")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def give(self, is_well: bool, body: bytes) -> None:
        """Let it be there."""
        self._is_well, self._body = is_well, body
        self.set()

    def get(self) -> Any:
        """Return the value, or raise the error, that was answered."""
        value = wire.unpacked(self._body)
        if self._is_well:
            return value
        raise arrived(value)


class Messenger:
    """Reads the side; any thread of the child may ask through it.

    Attributes:
        stop: set when the worker is asked to stop, and in a copy of this process, which cannot be.
    """

    def __init__(self, side: Link, termination: Termination) -> None:
        self.stop = Latch()
        self._side = side
        self._termination = termination
        self._numbers = count(1)
        self._open: dict[int, Reply] = {}
        self._forgotten: deque[int] = deque()
        self._handler = threading.get_ident()
        self._is_copy = False

    def start(self) -> None:
        """Start the thread; to be called on the one that will handle."""
        threading.Thread(target=self._listen, name="smoothop-messenger", daemon=True).start()

    def ask(self, what: str, *arguments: Any, timeout: float | None = None) -> Reply:
        """Ask the parent and wait for the answer, at most `timeout` seconds.

        Returns:
            The answer, which has the number of the request.

        Raises:
            TimeoutError: there was none in time.
            OperatorClosedError: this is a copy of the process that could ask.
        """
        if self._is_copy:
            raise OperatorClosedError(
                f"the operator is in the parent of the process that process {os.getpid()} was "
                "forked from, and not connected with it"
            )
        number = next(self._numbers)
        reply = Reply(number)
        self._open[number] = reply
        try:
            self._request(number, what, arguments)
            if reply.wait(SYSTEM, timeout):
                return reply
            raise TimeoutError
        finally:
            if self._open.pop(number, None) is not None:
                self._request(next(self._numbers), GIVE_UP, (number,))

    def forget(self, receipt: int) -> None:
        """Let the parent forget a receipt, when it is asked the next time.

        Not at once: this is called wherever an object is collected.
        """
        self._forgotten.append(receipt)

    def log(self, body: bytes) -> None:
        """Send a record of a thread that the handler has started."""
        self._side.send(wire.LOGGED, body)

    def forked(self) -> None:
        """Know, in a copy of this process, that nobody is there to be heard or asked."""
        self._is_copy = True
        self._side.forked()
        self.stop.set()

    def _request(self, number: int, what: str, arguments: tuple[Any, ...]) -> None:
        forgotten = tuple(self._taken_forgotten())
        by_handler = threading.get_ident() == self._handler
        body = wire.packed(Request(number, what, arguments, by_handler, forgotten))
        self._side.send(wire.ASK, body)

    def _taken_forgotten(self) -> Iterator[int]:
        try:
            while True:
                yield self._forgotten.popleft()
        except IndexError:  # another thread may take some at the same time
            pass

    # -- on its thread

    def _listen(self) -> None:
        try:
            while True:
                self._heard(*self._side.receive())
        except (EOFError, OSError):
            pass
        except BaseException:  # noqa: BLE001 - no memory for a frame: what follows is out of step
            traceback.print_exc()
        finally:
            leave()

    def _heard(self, kind: int, body: bytes) -> None:
        if kind == wire.STOP:
            self.stop.set()
        elif kind == wire.TERMINATE:
            self._termination.order()
        elif kind == wire.SHOW_STACK:
            # The name of a file may be anything, also what is no text.
            stack = thread_stack(self._handler).encode(errors="backslashreplace")
            self._side.send(wire.STACK, stack)
        elif kind == wire.REPLY:
            number, is_well, answered = wire.unpacked(body)
            reply = self._open.pop(number, None)
            if reply is not None:
                reply.give(is_well, answered)
