"""`Client`: looks into a running operator and steers it, for programs that block."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from smoothop._durations import Duration, seconds
from smoothop.control.answers import ActionResult, Health, OperatorInfo, Stacks, WorkerDetails
from smoothop.control.clients import requests
from smoothop.control.clients.address import Address, addresses, not_running, refused
from smoothop.control.clients.exchange import Exchange
from smoothop.control.clients.requests import Call, T
from smoothop.control.sockets import LONGEST, SILENCE, connected, received
from smoothop.events import MetricEvent, WorkerSnapshot


class Client:
    """Looks into a running operator and steers it.

    Each call has a connection of its own, so a client may be used from any thread and may outlive
    the operator. Every method raises `OperatorNotRunningError` when nobody answers (its subclass
    `AnswerCutError` when the operator ended before its answer was whole),
    `ControlRefusedError` when the operator refuses, `TimeoutError` when it does not answer in
    time, and what the operation raises in the operator's own process.

    Args:
        name: the operator's name, as given to ``smoothop run --name``; it is reached through
            its Unix socket.
        url: ``http://HOST:PORT`` of an operator that listens there, instead of the name.
        token: the bearer token, for an operator that asks for one.
        timeout: seconds that the operator may take to answer, above what a call asks it to wait.

    Raises:
        ValueError: an argument is malformed.
    """

    def __init__(
        self,
        name: str = "default",
        *,
        url: str | None = None,
        token: str | None = None,
        timeout: Duration = 10,
    ) -> None:
        self._name = name
        self._token = token
        self._timeout = min(seconds(timeout, "timeout"), LONGEST)
        self._addresses = addresses(name, url, os.environ)

    def operator(self) -> OperatorInfo:
        """Return what the operator says of itself."""
        return self._call(requests.operator())

    def stop_operator(self) -> bool:
        """Stop all workers, and end an operator of `smoothop run`, as SIGTERM does.

        Returns:
            Whether the operator ends: one that is part of an application goes on.
        """
        return self._call(requests.stop_operator())

    def health(self, *, ready: bool = False) -> Health:
        """Return whether the operator lives: its timers and its event loop go on.

        Args:
            ready: ask instead whether every worker that should run does, and nothing stops.
        """
        return self._call(requests.health(ready=ready))

    def workers(self) -> list[WorkerSnapshot]:
        """Return the snapshots of all workers, in order of registration."""
        return self._call(requests.workers())

    def worker(self, name: str) -> WorkerDetails:
        """Return everything about one worker."""
        return self._call(requests.worker(name))

    def stacks(self) -> Stacks:
        """Return where all code of the operator's process stands."""
        return self._call(requests.stacks())

    def start(self, name: str, wait: bool = True, timeout: Duration | None = None) -> ActionResult:
        """Start a worker; does nothing when it runs.

        Args:
            name: the worker.
            wait: whether to wait for one that is still stopping until it runs again.
            timeout: seconds to wait at most; ``None``: as long as it takes.

        Raises:
            StopTimeoutError: it did not stop in time; says at which line it stands. It runs again
                once it has stopped all the same.
        """
        return self._call(requests.action(name, "start", wait=wait, timeout=timeout))

    def stop(self, name: str, wait: bool = True, timeout: Duration | None = None) -> ActionResult:
        """Stop a worker.

        Args:
            name: the worker.
            wait: whether to wait until none of its code runs any more.
            timeout: seconds to wait at most; ``None``: as long as it takes.

        Raises:
            StopTimeoutError: it did not stop in time; says at which line it stands. It is asked
                to stop all the same.
        """
        return self._call(requests.action(name, "stop", wait=wait, timeout=timeout))

    def restart(
        self, name: str, wait: bool = True, timeout: Duration | None = None
    ) -> ActionResult:
        """Stop a worker and start it again; one that does not run is started; as `stop`."""
        return self._call(requests.action(name, "restart", wait=wait, timeout=timeout))

    def pause(self, name: str) -> ActionResult:
        """Let a worker handle nothing until it is resumed."""
        return self._call(requests.action(name, "pause"))

    def resume(self, name: str) -> ActionResult:
        """Let a paused worker go on."""
        return self._call(requests.action(name, "resume"))

    def scale(
        self, name: str, n: int, wait: bool = True, timeout: Duration | None = None
    ) -> ActionResult:
        """Let a worker run `n` handle calls side by side.

        Args:
            name: the worker.
            n: how many.
            wait: whether to wait until the calls that are now too many have returned.
            timeout: seconds to wait at most; ``None``: as long as it takes.

        Raises:
            StopTimeoutError: they did not return in time. No others are begun all the same.
        """
        return self._call(requests.scale(name, n, wait=wait, timeout=timeout))

    def send(
        self, name: str, message: Any, *, wait: bool = False, timeout: Duration | None = None
    ) -> Any:
        """Send a message to a worker.

        Args:
            name: the worker.
            message: anything JSON can say.
            wait: whether to wait for the outcome.
            timeout: seconds to wait at most, for room and then for the outcome; ``None``: no
                limit.

        Returns:
            What the handler passed to `done`, if it was waited for, else ``None``; ``None`` also
            for what JSON cannot say, with a warning in the log.

        Raises:
            DispatchTimeoutError: there was no room in time; the message was not accepted.
            HandlerFailedError: the handler answered with `fail`.
            HandlerPanickedError: the handler panicked.
            MessageDroppedError: no handler will finish the message any more.
            TimeoutError: there was no outcome in time; the message is accepted all the same.
        """
        return self._call(requests.message(name, message, wait=wait, timeout=timeout))

    def events(self, worker: str | None = None, kinds: Iterable[str] | None = None) -> EventReader:
        """Follow the events from now on.

        Args:
            worker: only those of this worker; ``None``: of all.
            kinds: only these kinds of event; ``None``: all.

        Returns:
            Something to iterate over and to close.
        """
        call = requests.events(worker, kinds)
        return EventReader(*self._begin(call), time.monotonic() + self._timeout)

    def close(self) -> None:
        """Do nothing: no connection is kept. It is there so that a client can be a context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, call: Call[T]) -> T:
        patience = call.patience
        deadline = None if patience is None else time.monotonic() + patience + self._timeout
        connection, exchange = self._begin(call)
        with connection:
            while not exchange.over:
                exchange.receive(received(connection, deadline))
        return exchange.result(call)

    def _begin(self, call: Call[Any]) -> tuple[socket.socket, Exchange]:
        connection, address = self._connect()
        exchange = Exchange(call, address.host, self._token)
        connection.settimeout(self._timeout)
        try:
            connection.sendall(exchange.to_send)
        except TimeoutError:
            connection.close()
            raise
        except OSError:
            pass  # it has answered before it had read all: the answer says why
        return connection, exchange

    def _connect(self) -> tuple[socket.socket, Address]:
        for address in self._addresses:
            try:
                return connected(address, self._timeout), address
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                continue
            except PermissionError as error:
                raise refused(address) from error
        raise not_running(self._name, self._addresses)


class EventReader:
    """The events of a running operator; a context manager and an iterator.

    Use it from one thread. It ends when the operator has stopped.

    Attributes:
        dropped: how many events were dropped because they were not read in time.
    """

    def __init__(self, connection: socket.socket, exchange: Exchange, deadline: float) -> None:
        self.dropped = 0
        self._connection = connection
        self._exchange = exchange
        self._waiting: deque[MetricEvent] = deque()
        try:
            while not exchange.raise_if_refused():
                exchange.receive(received(connection, deadline))
        except BaseException:
            connection.close()
            raise

    def __iter__(self) -> Iterator[MetricEvent]:
        return self

    def __next__(self) -> MetricEvent:
        while not self._waiting:
            for event in self._exchange.events():
                if isinstance(event, int):
                    self.dropped += event
                else:
                    self._waiting.append(event)
            if self._waiting:
                break
            if self._exchange.over:
                self.close()
                raise StopIteration
            self._exchange.receive(received(self._connection, time.monotonic() + SILENCE))
        return self._waiting.popleft()

    def close(self) -> None:
        """Stop following."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
