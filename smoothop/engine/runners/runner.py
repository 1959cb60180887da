"""`Runner`: what a slot knows of who drives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from smoothop.engine.current import ThreadWait
    from smoothop.engine.worker.slot import Slot


class Runner(Protocol):
    """Drives a slot; may have to be told what the slot's own flags do not say."""

    def asked_to_stop(self) -> None:
        """The worker was asked to stop: wake the slot; from any thread, perhaps more than once."""
        ...

    def abandoned(self) -> None:
        """The slot was replaced: end its running call, if that can be done; from any thread."""
        ...

    def is_held(self) -> bool:
        """Tell whether whoever drives the slot cannot go on before the calling thread does."""
        ...

    def thread_wait(self) -> ThreadWait | None:
        """Return what keeps the slot from getting a thread, if something does; from any thread."""
        ...

    def stack(self) -> str:
        """Return where the slot stands, as a traceback's text; from any thread."""
        ...


class OwnThread:
    """A thread that drives one slot: all it has to know the slot's flags say, or a wake.

    Args:
        slot: the slot.
        stack: answers where it stands.
    """

    __slots__ = ("_slot", "stack")

    def __init__(self, slot: Slot, stack: Callable[[], str]) -> None:
        self._slot = slot
        self.stack = stack

    def asked_to_stop(self) -> None:
        """See `Runner.asked_to_stop`."""
        self._slot.wake()

    def abandoned(self) -> None:
        """See `Runner.abandoned`: nothing ends a call on a thread."""

    def is_held(self) -> bool:
        """See `Runner.is_held`: it needs none but the worker's."""
        return False

    def thread_wait(self) -> ThreadWait | None:
        """See `Runner.thread_wait`: it has its own."""
        return None
