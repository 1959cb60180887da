"""One request and its answer over HTTP/1.1, without any input or output of its own.

Both clients feed it the bytes they get; `h11` knows the protocol.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import h11

from smoothop.control.answers import read_event
from smoothop.control.clients.requests import Call, T
from smoothop.control.errors import AnswerCutError, ControlRequestError
from smoothop.control.failures import raise_failure
from smoothop.events import MetricEvent

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of an answer that a client takes; more is no answer of an operator."""


_BEGIN: Final = b"HTTP/1.1 "


class Exchange:
    """One request on a connection of its own.

    Attributes:
        over: whether the whole answer has come.
    """

    def __init__(self, call: Call[Any], host: str, token: str | None) -> None:
        self.over = False
        self._connection = h11.Connection(h11.CLIENT)
        self._status = 0
        self._body = bytearray()
        body = call.body()
        headers = [("Host", host), ("Connection", "close"), ("Accept", "*/*")]
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        if body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        request = h11.Request(method=call.method, target=call.target, headers=headers)
        self.to_send = self._sent(request) + self._sent(h11.Data(data=body))
        self.to_send += self._sent(h11.EndOfMessage())

    def receive(self, data: bytes) -> None:
        """Take bytes of the answer; no bytes mean that the other side has closed.

        Raises:
            AnswerCutError: it ends too early.
            ControlRequestError: it is no answer.
        """
        try:
            self._connection.receive_data(data)
            while not self.over:
                event = self._connection.next_event()
                if event is h11.NEED_DATA:
                    break
                self._take(event)
        except h11.RemoteProtocolError as error:
            if self._was_cut(data):
                raise AnswerCutError(
                    "the connection was closed before the answer was there: the operator ends, or "
                    "has ended; whether it has done what it was asked is not known"
                ) from None
            raise ControlRequestError(f"the answer is no HTTP: {error}") from error

    def result(self, call: Call[T]) -> T:
        """Return what the whole answer says.

        Raises:
            SmoothopError: the answer says no.
            TimeoutError: it says that there was no outcome in time.
        """
        return call.read(self._document(call.says_no))

    def raise_if_refused(self) -> bool:
        """Tell whether the answer has begun and is no refusal; raise once a refusal is whole."""
        if self.over and self._status >= 400:
            self._document()
        return 0 < self._status < 400

    def events(self) -> Iterator[MetricEvent | int]:
        """Give the events that have come and were not given yet; a number: so many were dropped."""
        while (end := self._body.find(b"\n\n")) >= 0:
            block = bytes(self._body[:end])
            del self._body[: end + 2]
            yield from _read_block(block)

    def _was_cut(self, data: bytes) -> bool:
        """Tell whether the other side has closed, and what has come begins as an answer does."""
        begun, _ = self._connection.trailing_data
        return not data and (self._status > 0 or begun.startswith(_BEGIN[: len(begun)]))

    def _take(self, event: Any) -> None:
        match event:
            case h11.Response():
                self._status = event.status_code
            case h11.Data():
                self._body += event.data
                if len(self._body) > LARGEST_ANSWER:
                    raise ControlRequestError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            case h11.EndOfMessage() | h11.ConnectionClosed():
                self.over = True

    def _sent(self, event: Any) -> bytes:
        return self._connection.send(event) or b""

    def _document(self, says_no: int | None = None) -> Any:
        try:
            document = json.loads(self._body)
        except (ValueError, RecursionError):
            document = None
        if self._status >= 400 and self._status != says_no:
            raise_failure(document, self._status)
        if document is None:
            raise ControlRequestError("the answer is no JSON: is that a smoothop operator?")
        return document


def _read_block(block: bytes) -> Iterator[MetricEvent | int]:
    kind = "event"
    for line in block.split(b"\n"):
        name, _, value = line.partition(b": ")
        if name == b"event":
            kind = value.decode()
        elif name == b"data" and kind == "dropped":
            yield json.loads(value)["dropped"]
        elif name == b"data":
            event = read_event(json.loads(value))
            if event is not None:
                yield event
