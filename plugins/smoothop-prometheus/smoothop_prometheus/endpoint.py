"""`Endpoint`: serves a registry over HTTP, at ``/metrics`` and nowhere else.

The client library's own server keeps a thread for each client that connects and then says nothing,
for ever, takes half a second to close, and prints to standard error. So its WSGI application is
served here.
"""

from __future__ import annotations

import logging
import selectors
import socket
import sys
from collections.abc import Iterable
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from smoothop_prometheus.settings import LISTEN, OFF, Address

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("smoothop.prometheus")

PATH: Final = "/metrics"
MAX_CLIENTS: Final = 8
"""How many connections are served at once; a further one takes the place of the oldest."""


class Endpoint:
    """A small HTTP server on a daemon thread of its own, from its making until `close`."""

    def __init__(self, address: Address, registry: CollectorRegistry) -> None:
        """Listen, and serve from now on.

        Args:
            address: where; port 0 lets the system choose.
            registry: what to serve.

        Raises:
            OSError: that address cannot be had; says which, why, and what to do.
        """
        try:
            self._server = _Server(address, _only_metrics(make_wsgi_app(registry)))
        except OSError as error:
            raise OSError(
                error.errno,
                f"no metrics are served: cannot listen on {address}: {error.strerror or error}; "
                f"set {LISTEN} to a free HOST:PORT, or to {OFF}",
            ) from error
        self.address = Address(address.host, self._server.server_address[1])
        self._thread = Thread(target=self._server.serve, name="smoothop-prometheus", daemon=True)
        self._thread.start()
        logger.info("metrics at %s", self.url)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return f"http://{self.address}{PATH}"

    def close(self) -> None:
        """Stop listening, cut off who is being served, and wait for the thread."""
        self._server.stop()
        self._thread.join()


def _only_metrics(application: WSGIApplication) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return _say(start_response, "404 Not Found", f"the metrics are at {PATH}")
        try:
            return application(environ, start_response)
        except Exception:  # a collector of somebody else, in the same registry
            logger.exception("the metrics could not be collected")
            return _say(start_response, "500 Internal Server Error", "see the log of the process")

    return answer


def _say(start_response: StartResponse, status: str, text: str) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


class _Request(WSGIRequestHandler):
    timeout = 10  # seconds for each read or write

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        logger.debug(format, *args)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 32

    def __init__(self, address: Address, application: WSGIApplication) -> None:
        self.address_family, at = _resolved(address)
        self._address = address
        self._lock = Lock()
        self._clients: list[Any] = []
        self.timeout = 0  # handle_request is only called when there is one
        self._wake, self._woken = socket.socketpair()
        try:
            super().__init__(at, _Request)
        except BaseException:
            self._wake.close()
            self._woken.close()
            raise
        self.set_app(application)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that the base class makes."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self._address.host, self.server_address[1]
        self.setup_environ()

    def serve(self) -> None:
        """Serve until `stop`, then cut off whoever is being served."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()
        self.server_close()
        self._woken.close()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            _cut_off(client)

    def stop(self) -> None:
        """Let `serve` return."""
        self._wake.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve on a new thread; called by the base class."""
        with self._lock:
            oldest = self._clients[0] if len(self._clients) >= MAX_CLIENTS else None
            self._clients.append(request)
        if oldest is not None:
            _cut_off(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; called by the base class, however the request ended."""
        with self._lock:
            if request in self._clients:
                self._clients.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note that a client went away or was too slow; the base class prints that."""
        del request
        logger.debug("a request from %s failed: %r", client_address, sys.exception())


def _resolved(address: Address) -> tuple[socket.AddressFamily, Any]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    family, _, _, _, at = found[0]
    return family, at


def _cut_off(client: socket.socket) -> None:
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has gone by itself
        logger.debug("a client was gone already")
