"""`Order`: what the parent wants of its child, on its way there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from smoothop.engine.runners.process.wire import AT_ONCE, frame

if TYPE_CHECKING:
    import socket

_MOST_TEXT: Final = 16384
_MOST_ITEMS: Final = 16
_TEXTS: Final = (bytes, str)
_NUMBERS: Final = (int, float, bool, type(None))


class Order:
    """A frame of which a part may be sent already."""

    __slots__ = ("_data", "_sent")

    def __init__(self, kind: int, body: bytes) -> None:
        self._data = frame(kind, body)
        self._sent: list[int] = []

    @property
    def is_sent(self) -> bool:
        """Whether all of it was sent."""
        return sum(self._sent) == len(self._data)

    def unsend(self) -> None:
        """Begin anew: what was sent of it went to a child that never read it."""
        self._sent.clear()

    def send_what_goes(self, end: socket.socket) -> None:
        """Send what the socket takes at once, without waiting.

        Raises:
            OSError: it takes nothing, or the other end is gone.
        """
        # In one step of the interpreter: whoever is interrupted in it (a Ctrl-C) leaves no doubt
        # about what was sent.
        self._sent.extend(map(end.send, (self._data,), (AT_ONCE,)))

    def send_the_rest(self, end: socket.socket) -> None:
        """Send what is left of it; takes as long as the child takes to read.

        Raises:
            OSError: the other end is gone.
        """
        if not self._sent:
            end.sendall(self._data)
        elif not self.is_sent:
            end.sendall(self._data[sum(self._sent) :])


def is_light(message: Any) -> bool:
    """Tell whether pickling `message` takes no time and runs nobody's code.

    That is so for little text, numbers, and a few of those in a tuple, a list or a dictionary.
    """
    kind = type(message)
    if kind in (tuple, list):
        return len(message) <= _MOST_ITEMS and all(map(_is_plain, message))
    if kind is dict:
        return len(message) <= _MOST_ITEMS and all(map(_is_plain, (*message, *message.values())))
    return _is_plain(message)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return kind in _NUMBERS or (kind in _TEXTS and len(value) <= _MOST_TEXT)
