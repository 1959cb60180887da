"""`Backlog`: bounded, in order, and never blocking who puts."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from smoothop.engine.machine import SYSTEM
from smoothop.plugins.backlog import Backlog


def backlog(maxsize=3):
    return Backlog(SYSTEM, maxsize)


def test_items_come_out_in_order_whatever_their_frequency():
    waiting = backlog(10)
    for number in range(10):
        waiting.put((number,), number % 3 > 0)
    assert [number for (number,) in waiting.take()] == list(range(10))
    assert len(waiting) == 0


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_the_latest_of_each_frequency_are_kept_in_order_and_the_others_counted(puts, maxsize):
    waiting = backlog(maxsize)
    for number, frequent in enumerate(puts):
        waiting.put((number,), frequent)
    waiting.end()
    kept = sorted(
        number
        for frequent in (True, False)
        for number in [n for n, one in enumerate(puts) if one is frequent][-maxsize:]
    )
    assert [number for (number,) in waiting.take()] == kept
    assert waiting.dropped == len(puts) - len(kept)
    assert waiting.take() == []


def test_nothing_is_added_after_the_end():
    waiting = backlog()
    waiting.end()
    waiting.put((1,), False)
    assert waiting.take() == []


def test_take_waits_for_an_item_and_for_the_end():
    waiting, taken = backlog(), []

    def reader():
        while items := waiting.take():
            taken.append(items)
            read.set()

    read, thread = threading.Event(), threading.Thread(target=reader)
    thread.start()
    waiting.put(("item",), True)
    assert read.wait(20)
    waiting.end()
    thread.join(20)
    assert not thread.is_alive()
    assert taken == [[("item",)]]


def test_what_gives_way_is_freed_outside_the_lock():
    """Freeing an item may run anybody's code, which may put an item itself."""
    waiting, freed = backlog(1), []

    class Item:
        def __del__(self):
            other = threading.Thread(target=waiting.put, args=(("from elsewhere",), True))
            other.start()
            other.join(20)
            freed.append(not other.is_alive())

    waiting.put((Item(),), False)
    waiting.put(("next",), False)
    assert freed == [True]
    assert [item for (item,) in waiting.take()] == ["next", "from elsewhere"]


def test_clear_forgets_and_counts_what_waits():
    waiting = backlog()
    for number in range(3):
        waiting.put((number,), number > 0)
    assert waiting.clear() == 3
    assert len(waiting) == 0
