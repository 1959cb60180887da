"""`LoopCalls`: what other threads want of an event loop, at one wake-up of the loop for many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context as VariableContext
from threading import get_ident
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

T = TypeVar("T")


class LoopCalls(Generic[T]):
    """Items that any thread hands to one function on the loop's thread, in the order they came.

    Waking a loop is a write to a pipe, which costs ten times the rest. So it is woken once,
    however many items come before it gets to them.

    Args:
        loop: whose thread takes the items.
        take: called with each of them there; must neither block nor raise.
    """

    def __init__(self, loop: AbstractEventLoop, take: Callable[[T], None]) -> None:
        self._loop = loop
        self._take = take
        self._items: deque[T] = deque()
        self._is_called = False
        self._caller: int | None = None
        # Of its own: what whoever comes first has set there is not for the others.
        self._context = VariableContext()

    def put(self, item: T) -> None:
        """Hand `item` over; from any thread, and from a signal handler.

        Raises:
            RuntimeError: the loop is closed.
        """
        self._items.append(item)
        # The loop clears the flag before it looks at the items. So whoever finds the flag set
        # has added an item that the loop has yet to look at.
        if self._is_called and not self._loop.is_closed():
            return
        try:
            self._caller = get_ident()
            self._is_called = True
            self._loop.call_soon_threadsafe(self._take_all, context=self._context)
        except BaseException:  # what a signal handler raises in between, too: or none calls again
            self._is_called = False
            raise
        finally:
            self._caller = None

    def is_held(self) -> bool:
        """Tell whether the calling thread is about to wake the loop: nobody else does meanwhile."""
        return self._caller == get_ident()

    def _take_all(self) -> None:
        self._is_called = False
        for _ in range(len(self._items)):  # who comes meanwhile calls anew: others get a turn
            self._take(self._items.popleft())
