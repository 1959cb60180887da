"""`Child`: a child process as its parent sees it: started, given orders, killed, reaped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from smoothop.engine.runners.process.dump import Dump
from smoothop.engine.runners.process.exits import HAD_CLOSED, exit_text
from smoothop.engine.runners.process.orders import Order
from smoothop.engine.runners.process.side import Side
from smoothop.engine.runners.process.wire import END, Link, packed

_PROGRAM: Final = (
    "import sys; sys.path.append(sys.argv[4]); "
    "from smoothop.engine.runners.process.inside.main import main; main()"
)
_HOME: Final = str(Path(__file__).parents[3])
"""Where smoothop is, in case it was found in a way that only this process knows."""

_LAST_BREATH: Final = 1.0
"""Seconds from the moment a child closes its end of a socket until it must have ended."""


class UnreadError(Exception):
    """A child died before it had read what it was sent: the handler has seen none of it."""


class Child:
    """A child process and this end of the two sockets to it, and of the pipe for its dumps.

    The thread that makes it gives it orders, and must outlive it: the kernel kills the child
    when that thread ends, where it is Linux. Its attendant has the side, and reaps it.

    Attributes:
        pid: its process id.
        side: for everything but orders.
        ear: the descriptor where what comes of orders can be read.
        ended: a descriptor that can be read when it has ended; ``None`` where the system has none.
        exit: how it ended, in words; ``None`` as long as it was not reaped.
    """

    def __init__(self, name: str) -> None:
        """Start it.

        Args:
            name: of the worker, for those who list processes.

        Raises:
            OSError: the system gives no further process or descriptor.
        """
        with ExitStack() as on_failure, ExitStack() as theirs:
            ends = []
            for _ in range(2):
                own, other = socket.socketpair()
                on_failure.callback(own.close)
                theirs.callback(other.close)
                ends.append((own, other))
            (orders, their_orders), (side, their_side) = ends
            self._dump = Dump()
            on_failure.callback(self._dump.close)
            theirs.callback(os.close, self._dump.horn)
            passed = (their_orders.fileno(), their_side.fileno(), self._dump.horn)
            self._process = _spawn(name, *passed)
            on_failure.pop_all()
        self.ear = orders.fileno()
        self._socket = orders  # to write; to be read by the link alone
        self._orders = Link(orders)
        self.side = Side(side)
        self.pid = self._process.pid
        self.ended = _end_descriptor(self.pid)
        self.exit: str | None = None
        self._why: str | None = None

    # -- for who made it

    def order(self, order: Order) -> None:
        """Send an order, or what is left of it.

        Raises:
            UnreadError: it has died before.
        """
        try:
            order.send_the_rest(self._socket)
        except OSError as error:
            raise UnreadError from error

    def offer(self, order: Order) -> None:
        """Send an order, or what of it can be sent without waiting for anything."""
        try:
            order.send_what_goes(self._socket)
        except OSError:  # it takes nothing, or has died: `order` will tell
            pass

    def answer(self) -> tuple[int, bytes]:
        """Return the next frame that comes of an order.

        Raises:
            EOFError: it has died.
            UnreadError: it has died, without having read all of the order.
        """
        try:
            return self._orders.receive()
        except ConnectionResetError as error:  # so the kernel says that something was left unread
            raise UnreadError from error

    def close(self) -> None:
        """Give the socket for orders back."""
        self._orders.close()

    def kill(self, why: str) -> None:
        """End it at once; from any thread. The first reason given stands in `exit`."""
        self._why = self._why or why
        self._signal(signal.SIGKILL)

    def dump(self) -> str:
        """Return where its handler stands, as a signal has it write; empty if that is unknown.

        From any thread. It takes no time, or `dump.PATIENCE` if there is no answer.
        """
        return self._dump.ask(self.pid, self._signal)

    def _signal(self, number: int) -> None:
        self._process.send_signal(number)  # none if it was reaped: the pid may be another's

    def discard(self) -> None:
        """End it and give everything back, where it has no attendant."""
        self.kill("nobody could attend to it")
        self.reap()
        self.side.close()
        self.close()

    # -- for its attendant

    def see_out(self, *, stopping: bool) -> Side:
        """Order it to tear down and to leave; return where the answer will come.

        Args:
            stopping: whether its worker is asked to stop, rather than given a new child.
        """
        last = Side(*self._orders.handed_over())
        last.post(END, packed(stopping))
        last.flush()
        return last

    def reap(self) -> None:
        """Wait for its end, which is due, and end every `answer`."""
        try:
            code = self._exit_code(_LAST_BREATH)
        except subprocess.TimeoutExpired:
            self.kill(HAD_CLOSED)
            code = self._exit_code()
        self.exit = exit_text(self.pid, code) + (f": {self._why}" if self._why else "")
        self._orders.hang_up()
        self._dump.close()
        if self.ended is not None:
            os.close(self.ended)

    def _exit_code(self, timeout: float | None = None) -> int | None:
        """Wait for its end; return its exit code, or ``None`` if the system does not say."""
        is_known = _has_exit_code(self.pid)
        # Popen takes one that nobody can know any more for 0.
        return self._process.wait(timeout) or (0 if is_known else None)


def _spawn(name: str, orders: int, side: int, dump: int) -> subprocess.Popen[bytes]:
    # A fresh interpreter, with the same options as this one. It must not see a Ctrl-C before it
    # can ignore it, so it begins with SIGINT blocked, as this thread has it for the moment.
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    arguments = (name, str(orders), str(side), _HOME, str(os.getpid()), str(dump))
    # -P: what lies in the working directory is not taken for a module of Python's.
    command = [sys.executable, *options, "-P", "-c", _PROGRAM, *arguments]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            command, stdin=subprocess.DEVNULL, close_fds=True, pass_fds=(orders, side, dump)
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _has_exit_code(pid: int) -> bool:
    """Tell whether the system keeps the exit code of a child, or will, until it is reaped."""
    if hasattr(os, "waitid"):
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
    return True


def _end_descriptor(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or one before 5.3
        return None
