"""Waits that could never end: found in the graph of who waits for whom. Pure.

A wait needs others: one of them to get on (any slot of a worker can take the message that is
waited for), or all of them (a worker has stopped when each of its slots has). So a circle alone is
not yet a deadlock. Those who could never get on are what is left when everybody is crossed out
who does not wait, or whose wait can still come to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Generic, NamedTuple, TypeVar

Who = TypeVar("Who", bound=Hashable)


class Need(NamedTuple, Generic[Who]):
    """What a wait needs: that one of `others` gets on, or, if `every`, that all do."""

    others: Collection[Who]
    every: bool


Needs = Callable[[Who], Need[Who] | None]


def endless_circle(start: Who, need_of: Needs[Who]) -> list[Who]:
    """Return the way from `start` back to itself if its wait closes a circle without an end.

    Args:
        start: one that waits.
        need_of: what somebody needs; ``None`` for one who does not wait. Nobody needed means
            that the wait can be ended from outside.

    Returns:
        Each waits for the next, the last is `start` again; empty when `start` can get on, or
        only waits for others who cannot.
    """
    waiting = _waiting(start, need_of)
    while passed := [who for who, need in waiting.items() if _can_end(need, waiting)]:
        for who in passed:
            del waiting[who]
    return _way_back(start, waiting) if start in waiting else []


def _waiting(start: Who, need_of: Needs[Who]) -> dict[Who, Need[Who]]:
    """Return all who wait, of those that `start` depends on."""
    found: dict[Who, Need[Who]] = {}
    seen, todo = {start}, [start]
    while todo:
        who = todo.pop()
        need = need_of(who)
        if need is not None:
            found[who] = need
            following = [other for other in need.others if other not in seen]
            seen.update(following)
            todo += following
    return found


def _can_end(need: Need[Who], waiting: Collection[Who]) -> bool:
    free = [other not in waiting for other in need.others]
    return not free or (all(free) if need.every else any(free))


def _way_back(start: Who, waiting: dict[Who, Need[Who]]) -> list[Who]:
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for other in waiting[way[-1]].others:
            if other == start:
                return [*way, start]
            if other in waiting and other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []
