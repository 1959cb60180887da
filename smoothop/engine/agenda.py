"""`Agenda`: what is due when; a calendar with no thread, lock or clock in it.

Shared carriers keep the sleeping slots in one: a slot with nothing to do is an entry here and
holds neither thread nor task. Whoever owns an agenda guards it and watches the clock.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from operator import itemgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar

T = TypeVar("T")

Ticket: TypeAlias = "list[Any]"
"""``[until, item]``, the entry itself; without its item (``None``) it is not in the agenda."""

_UNTIL: Final = itemgetter(0)

SPARE: Final = 64
"""Forgotten entries that are left in an agenda of any size before it is cleared of them."""

PAGE: Final = 2.0**-10
"""Seconds whose entries are on the same page; a power of two, so that none is rounded astray."""


class Agenda(Generic[T]):
    """Items, each due at a time; those of the same time in the order they were added.

    Entries are written down by the page, one for each millisecond, and put in order when their
    page is opened. So of many that are due close to each other each takes a step or two, where a
    heap of them would take twenty; only the pages are in a heap. A forgotten entry stays where
    it is until its page is opened, or until forgotten entries are the greater part: then all are
    cleared away. An entry takes about 80 bytes, and 140 more if it is alone on its page.
    """

    __slots__ = ("_entries", "_items", "_numbers", "_pages")

    def __init__(self) -> None:
        self._pages: dict[float, list[Ticket]] = {}
        self._numbers: list[float] = []
        self._items = 0
        self._entries = 0

    def __len__(self) -> int:
        return self._items

    def push(self, until: float, item: T) -> Ticket:
        """Add `item`, due at `until`, which is not ``None``; return a ticket for `discard`."""
        ticket: Ticket = [until, item]
        self._items += 1
        self._entries += 1
        number = until // PAGE
        page = self._pages.get(number)
        if page is None:
            self._pages[number] = [ticket]
            heappush(self._numbers, number)
        else:
            page.append(ticket)
        return ticket

    def discard(self, ticket: Ticket) -> bool:
        """Forget the item of that ticket; ``False`` when it is not there any more."""
        if ticket[1] is None:
            return False
        ticket[1] = None  # so it is let go of at once
        self._items -= 1
        if self._entries > 2 * self._items + SPARE:
            self._clear_up()
        return True

    def pop_due(self, now: float, most: int | None = None) -> list[T]:
        """Take out what is due at `now`, the earliest first, and return it.

        Args:
            now: on the clock that `until` was of.
            most: take no more than that many; ``None``: all.
        """
        due: list[T] = []
        last = now // PAGE
        while self._numbers and self._numbers[0] <= last:
            page = self._pages[self._numbers[0]]
            page.sort(key=_UNTIL)  # keeps those of the same time in their order
            self._take(page, now, most, due)
            if page:
                break
            self._close_first_page()
        return due

    def next_until(self) -> float | None:
        """Return when the next item is due; ``None`` when there is none."""
        while self._numbers:
            times: list[float] = [until for until, item in self._first_page() if item is not None]
            if times:
                return min(times)
            self._entries -= len(self._first_page())
            self._close_first_page()
        return None

    def _take(self, page: list[Ticket], now: float, most: int | None, due: list[T]) -> None:
        """Move what is due from a page that is in order, leaving out what was forgotten."""
        before, gone = len(due), 0
        for ticket in page:
            until, item = ticket
            if until > now or len(due) == most:
                break
            gone += 1
            if item is not None:
                ticket[1] = None
                due.append(item)
        del page[:gone]
        self._entries -= gone
        self._items -= len(due) - before

    def _first_page(self) -> list[Ticket]:
        return self._pages[self._numbers[0]]

    def _close_first_page(self) -> None:
        del self._pages[heappop(self._numbers)]

    def _clear_up(self) -> None:
        for number, page in list(self._pages.items()):
            page[:] = [ticket for ticket in page if ticket[1] is not None]
            if not page:
                del self._pages[number]
        self._numbers = list(self._pages)
        heapify(self._numbers)
        self._entries = self._items
