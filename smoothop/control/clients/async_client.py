"""`AsyncClient`: looks into a running operator and steers it, for programs with an event loop."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any, Self

from smoothop._durations import Duration, seconds
from smoothop.control.answers import ActionResult, Health, OperatorInfo, Stacks, WorkerDetails
from smoothop.control.clients import requests
from smoothop.control.clients.address import Address, addresses, not_running, refused
from smoothop.control.clients.exchange import Exchange
from smoothop.control.clients.requests import Call, T
from smoothop.control.sockets import CHUNK, SILENCE
from smoothop.events import MetricEvent, WorkerSnapshot

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncClient:
    """The same as `Client`, method by method, as coroutines that never block the event loop."""

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
        self._timeout = seconds(timeout, "timeout")
        self._addresses = addresses(name, url, os.environ)

    async def operator(self) -> OperatorInfo:
        """Do what `Client.operator` does."""
        return await self._call(requests.operator())

    async def stop_operator(self) -> bool:
        """Do what `Client.stop_operator` does."""
        return await self._call(requests.stop_operator())

    async def health(self, *, ready: bool = False) -> Health:
        """Do what `Client.health` does."""
        return await self._call(requests.health(ready=ready))

    async def workers(self) -> list[WorkerSnapshot]:
        """Do what `Client.workers` does."""
        return await self._call(requests.workers())

    async def worker(self, name: str) -> WorkerDetails:
        """Do what `Client.worker` does."""
        return await self._call(requests.worker(name))

    async def stacks(self) -> Stacks:
        """Do what `Client.stacks` does."""
        return await self._call(requests.stacks())

    async def start(
        self, name: str, wait: bool = True, timeout: Duration | None = None
    ) -> ActionResult:
        """Do what `Client.start` does."""
        return await self._call(requests.action(name, "start", wait=wait, timeout=timeout))

    async def stop(
        self, name: str, wait: bool = True, timeout: Duration | None = None
    ) -> ActionResult:
        """Do what `Client.stop` does."""
        return await self._call(requests.action(name, "stop", wait=wait, timeout=timeout))

    async def restart(
        self, name: str, wait: bool = True, timeout: Duration | None = None
    ) -> ActionResult:
        """Do what `Client.restart` does."""
        return await self._call(requests.action(name, "restart", wait=wait, timeout=timeout))

    async def pause(self, name: str) -> ActionResult:
        """Do what `Client.pause` does."""
        return await self._call(requests.action(name, "pause"))

    async def resume(self, name: str) -> ActionResult:
        """Do what `Client.resume` does."""
        return await self._call(requests.action(name, "resume"))

    async def scale(
        self, name: str, n: int, wait: bool = True, timeout: Duration | None = None
    ) -> ActionResult:
        """Do what `Client.scale` does."""
        return await self._call(requests.scale(name, n, wait=wait, timeout=timeout))

    async def send(
        self, name: str, message: Any, *, wait: bool = False, timeout: Duration | None = None
    ) -> Any:
        """Do what `Client.send` does."""
        return await self._call(requests.message(name, message, wait=wait, timeout=timeout))

    def events(
        self, worker: str | None = None, kinds: Iterable[str] | None = None
    ) -> AsyncEventReader:
        """Follow the events from the moment the reader is entered: ``async with``."""
        return AsyncEventReader(self, requests.events(worker, kinds))

    async def close(self) -> None:
        """Do nothing: no connection is kept."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def begin(self, call: Call[Any]) -> tuple[Streams, Exchange]:
        """Connect and send a request."""
        async with _within(self._timeout):
            streams, address = await self._connect()
        exchange = Exchange(call, address.host, self._token)
        with suppress(OSError):  # it has answered before it had read all: the answer says why
            streams[1].write(exchange.to_send)
            await streams[1].drain()
        return streams, exchange

    async def answered(self, streams: Streams, exchange: Exchange) -> None:
        """Wait until the answer to a request for events has begun; raise if it says no."""
        async with _within(self._timeout):
            while not exchange.raise_if_refused():
                exchange.receive(await _received(streams))

    async def _call(self, call: Call[T]) -> T:
        patience = call.patience
        async with _within(None if patience is None else patience + self._timeout):
            streams, exchange = await self.begin(call)
            try:
                while not exchange.over:
                    exchange.receive(await _received(streams))
            finally:
                streams[1].close()
        return exchange.result(call)

    async def _connect(self) -> tuple[Streams, Address]:
        for address in self._addresses:
            try:
                return await _connected(address), address
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                continue
            except PermissionError as error:
                raise refused(address) from error
        raise not_running(self._name, self._addresses)


class AsyncEventReader:
    """The events of a running operator; an async context manager and an async iterator.

    Attributes:
        dropped: how many events were dropped because they were not read in time.
    """

    def __init__(self, client: AsyncClient, call: Call[None]) -> None:
        self.dropped = 0
        self._client = client
        self._call = call
        self._streams: Streams | None = None
        self._exchange: Exchange | None = None
        self._waiting: deque[MetricEvent] = deque()

    async def __aenter__(self) -> Self:
        self._streams, self._exchange = await self._client.begin(self._call)
        try:
            await self._client.answered(self._streams, self._exchange)
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[MetricEvent]:
        return self

    async def __anext__(self) -> MetricEvent:
        if self._streams is None or self._exchange is None:
            raise RuntimeError("enter the reader first: async with client.events() as events")
        while not self._waiting:
            for event in self._exchange.events():
                if isinstance(event, int):
                    self.dropped += event
                else:
                    self._waiting.append(event)
            if self._waiting:
                break
            if self._exchange.over:
                raise StopAsyncIteration
            async with _within(SILENCE):
                self._exchange.receive(await _received(self._streams))
        return self._waiting.popleft()

    def close(self) -> None:
        """Stop following."""
        if self._streams is not None:
            self._streams[1].close()


class _within:  # noqa: N801 - read as a statement
    """A limit of time; what it raises says what did not come."""

    def __init__(self, limit: float | None) -> None:
        self._timeout = asyncio.timeout(limit)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:  # noqa: PYI036 - handed on
        try:
            await self._timeout.__aexit__(*raised)
        except TimeoutError:
            raise TimeoutError("the operator did not answer in time") from None


async def _connected(address: Address) -> Streams:
    if isinstance(address.where, tuple):
        return await asyncio.open_connection(*address.where)
    return await asyncio.open_unix_connection(address.where)


async def _received(streams: Streams) -> bytes:
    try:
        return await streams[0].read(CHUNK)
    except ConnectionResetError:
        return b""
