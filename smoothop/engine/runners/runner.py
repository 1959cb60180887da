"""`Runner`: what a slot knows of who drives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Runner(Protocol):
    """Drives a slot; may have to be told what the slot's own flags do not say."""

    def asked_to_stop(self) -> None:
        """The worker was asked to stop; called from any thread, perhaps more than once."""
        ...

    def abandoned(self) -> None:
        """The slot was replaced: end its running call, if that can be done; from any thread."""
        ...

    def stack(self) -> str:
        """Return where the slot stands, as a traceback's text; from any thread."""
        ...


class OwnThread:
    """A thread that drives one slot: all it has to know the slot's flags say, or a wake.

    Args:
        stack: answers where it stands.
    """

    __slots__ = ("stack",)

    def __init__(self, stack: Callable[[], str]) -> None:
        self.stack = stack

    def asked_to_stop(self) -> None:
        """See `Runner.asked_to_stop`."""

    def abandoned(self) -> None:
        """See `Runner.abandoned`: nothing ends a call on a thread."""
