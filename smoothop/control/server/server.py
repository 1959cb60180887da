"""`ControlServer`: answers for a running operator, on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from uvicorn.config import Config
from uvicorn.server import ServerState

from smoothop.assembly.addresses import parse_address
from smoothop.assembly.versions import own_version
from smoothop.control.claim import BACKLOG, Claim, claim
from smoothop.control.errors import ControlStartError
from smoothop.control.place import Place
from smoothop.control.server.audit import Audit
from smoothop.control.server.connections import Crowd
from smoothop.control.server.gate import Gate
from smoothop.control.server.guard import Guard
from smoothop.control.server.listeners import listening
from smoothop.control.server.plugin_routes import plugin_entries
from smoothop.control.server.protocol import ControlProtocol
from smoothop.control.server.room import Room, WorkerFacts
from smoothop.control.server.table import ENTRIES, Table
from smoothop.control.server.tokens import token_of
from smoothop.engine.operator import Operator

if TYPE_CHECKING:
    from smoothop.plugins.registry import Registry

LARGEST_HEAD: Final = 16 * 1024
"""Bytes that the head of a request may have."""
_LAST_ANSWERS: Final = 0.2
"""Seconds that the requests which have come get when the server is closed."""
_LAST_TURNS: Final = 10
"""Turns of the event loop in which it accepts whoever has connected; three would do."""
_LAST_WORDS: Final = 0.5
"""Seconds in which the thread must have ended by then; part of what a stop may take."""


class ControlServer:
    """Lets other processes of the same user look into an operator and steer it.

    It answers from `start` to `close`, on a thread and an event loop of its own, whatever the
    workers do. Use it as a context manager, around or inside that of the operator.

    Args:
        operator: for which it answers.
        name: under which clients find it; no two operators of a user have the same.
        http: ``HOST:PORT`` to listen on as well; port 0 takes a free one.
        token_file: holds the token that is asked for there; it is made if it is missing. Without
            one, `http` must be an address of this machine alone, and changes nothing.
        read_only: whether every change is refused.
        show_payloads: whether the audit log shows the messages that are sent.
        registry: whose hook plugins may add routes.
        facts: what is known of the workers beside what they tell themselves; see `facts_of`.
        end: ends the operator gracefully; returns at once. Without it, to stop the operator means
            to stop its workers: its end is the application's business.
    """

    def __init__(
        self,
        operator: Operator,
        *,
        name: str = "default",
        http: str | None = None,
        token_file: Path | str | None = None,
        read_only: bool = False,
        show_payloads: bool = False,
        registry: Registry | None = None,
        facts: Mapping[str, WorkerFacts] | None = None,
        end: Callable[[], None] | None = None,
    ) -> None:
        self._room = Room(operator, name, own_version(), read_only, facts or {}, end)
        self._audit = Audit(show_payloads=show_payloads)
        self._http = http
        self._token_file = token_file
        self._registry = registry
        self._claim: Claim | None = None
        self._tcp: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: str | None = None
        self._closing = asyncio.Event()

    @property
    def url(self) -> str | None:
        """Where it listens over TCP, once it was started."""
        if self._tcp is None:
            return None
        host, port = self._tcp.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Take the name and begin to answer.

        Raises:
            ValueError: the name or the address is malformed.
            NameTakenError: another operator has the name; says which and since when.
            ControlStartError: there is no place for the socket, the address is taken, or the
                token file cannot be used; says why.
        """
        room = self._room
        self._claim = claim(room.name, os.environ, room.started_at)
        try:
            self._begin(self._gate(), self._claim.listener)
        except BaseException:
            self.close()
            raise

    def _begin(self, gate: Gate, listener: socket.socket) -> None:
        """Start the thread and wait until it answers."""
        listeners = [listener] if self._tcp is None else [listener, self._tcp]
        thread = threading.Thread(
            target=self._run, args=(gate, listeners), name="smoothop-control", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            raise ControlStartError(f"the control server gets no thread: {error}") from error
        self._thread = thread
        self._ready.wait()
        if self._failure is not None:
            raise ControlStartError(f"the control server cannot start: {self._failure}")

    @property
    def place(self) -> Place | None:
        """Where its socket is; ``None`` while it does not answer."""
        return None if self._claim is None else self._claim.place

    def _gate(self) -> Gate:
        """Put together what answers; open the TCP socket."""
        room, token, host = self._room, None, None
        if self._token_file is not None:
            token = token_of(Path(self._token_file))
        if self._http is not None:
            self._tcp = listening(self._http, has_token=token is not None)
            host, _ = parse_address(self._http)
        more = () if self._registry is None else plugin_entries(self._registry)
        room.entries = (*ENTRIES, *more)
        room.workers()
        guard = Guard(read_only=room.read_only, token=token, host=host)
        return Gate(room, Table(room.entries), guard, self._audit)

    def close(self) -> None:
        """Stop answering and give the name back; does nothing the second time."""
        if self._claim is None:
            return
        if self._loop is not None and self._thread is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(_LAST_WORDS)
        if self._tcp is not None:
            self._tcp.close()
            self._tcp = None
        self._claim.release()
        self._claim = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, gate: Gate, listeners: list[socket.socket]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._answer(gate, listeners))
        except OSError as error:  # most likely there are no descriptors for an event loop
            self._failure = str(error)
        finally:
            self._ready.set()

    async def _answer(self, gate: Gate, listeners: list[socket.socket]) -> None:
        """Answer until it is closed."""
        self._loop = asyncio.get_running_loop()
        crowds = [Crowd() for _ in listeners]
        servers = await _listen(gate, dict(zip(listeners, crowds, strict=True)))
        self._ready.set()
        await self._closing.wait()
        await self._close_door()
        for server in servers:
            server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS):
                for crowd in crowds:
                    await crowd.emptied()
        for crowd in crowds:
            crowd.disperse()

    async def _close_door(self) -> None:
        """Let nobody else find the socket, and let in those that have."""
        if self._claim is not None:
            self._claim.hide()
        for _ in range(_LAST_TURNS):
            await asyncio.sleep(0)


async def _listen(gate: Gate, listeners: Mapping[socket.socket, Crowd]) -> list[asyncio.Server]:
    """Answer on sockets that listen already; uvicorn does the HTTP, the loop the rest."""
    config = Config(
        gate,
        interface="asgi3",
        http=ControlProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
    config.load()
    loop = asyncio.get_running_loop()
    servers = []
    for listener, crowd in listeners.items():
        make_protocol = partial(ControlProtocol, config, ServerState(), crowd)
        servers.append(await loop.create_server(make_protocol, sock=listener, backlog=BACKLOG))
    return servers
