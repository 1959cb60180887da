"""How many threads a pool needs, as a function of what its watch sees."""

from dataclasses import replace

import pytest

from smoothop.engine.runners.pool.growth import EXHAUSTED_AFTER, PATIENCE, TICK, Growth, Look

SEEN = Look(
    now=0.0, late=False, waiting=100, waited=True, carriers=1, returned=0, stands_still=False
)


class Watched:
    """A growth that is told one look after another; as many carriers are added as it asks for."""

    def __init__(self, limit=64, **seen):
        self.growth = Growth(limit)
        self.look = replace(SEEN, **seen)
        self.growth.more(replace(self.look, waited=False))

    def after(self, seconds, **seen):
        """Return how many more carriers it asks for that much later."""
        self.look = replace(self.look, now=self.look.now + seconds, **seen)
        more = self.growth.more(self.look)
        self.look = replace(self.look, carriers=self.look.carriers + more)
        return more


def test_threads_double_while_slots_wait_and_the_interpreter_is_free():
    watched = Watched()
    assert [watched.after(TICK) for _ in range(5)] == [1, 2, 4, 8, 16]


def test_nobody_who_has_not_waited_a_whole_tick_is_a_reason():
    watched = Watched()
    assert watched.after(TICK, waited=False) == 0


def test_it_begins_with_one_again_when_nobody_had_to_wait_in_between():
    watched = Watched()
    watched.after(TICK)
    watched.after(TICK)
    watched.after(TICK, waited=False)
    assert watched.after(TICK, waited=True) == 1


def test_never_more_than_wait():
    watched = Watched(waiting=3)
    assert [watched.after(TICK) for _ in range(3)] == [1, 2, 3]


def test_carriers_that_come_back_quickly_are_too_few_all_the_same_if_others_wait():
    watched = Watched()
    assert [watched.after(TICK, returned=number) for number in (1, 2, 3)] == [1, 2, 4]


def test_carriers_that_are_brisk_need_no_company_even_when_the_machine_stops_them_for_a_while():
    watched = Watched()
    assert watched.after(TICK, returned=50) == 0
    stalled = [watched.after(TICK) for _ in range(30)]
    assert stalled[:15] == [0] * 15
    assert sum(stalled) > 0  # it takes too long: they do block


def test_carriers_that_calculate_get_company_ever_more_slowly():
    watched = Watched(waiting=1000)
    asked = [watched.after(5 * TICK, late=True) for _ in range(1000)]
    added = [
        round(number * 5 * TICK / PATIENCE) for number, more in enumerate(asked, start=1) if more
    ]
    assert added[:4] == [1, 3, 6, 10]
    assert watched.look.carriers < 16


def test_a_busy_carrier_that_comes_back_needs_no_company():
    watched = Watched()
    for number in range(1000):
        assert watched.after(5 * TICK, late=True, returned=number) == 0


def test_carriers_that_block_beside_a_busy_interpreter_are_seen_by_where_they_stand():
    watched = Watched()
    assert [watched.after(5 * TICK, late=True, stands_still=True) for _ in range(4)] == [0, 1, 2, 4]
    assert watched.after(5 * TICK, stands_still=False) == 0
    assert watched.after(5 * TICK, stands_still=True) == 0


@pytest.mark.parametrize(
    ("seen", "exhausted"),
    [
        ({}, True),
        ({"carriers": 7}, False),
        ({"waited": False}, False),
        ({"returned": 1}, False),
    ],
)
def test_exhausted_is_a_full_pool_of_which_nobody_comes_back_while_others_wait(seen, exhausted):
    watched = Watched(limit=8, carriers=8)
    watched.after(EXHAUSTED_AFTER, **seen)
    assert watched.growth.is_exhausted(replace(watched.look, **seen)) is exhausted


def test_exhaustion_is_told_once_and_again_when_it_comes_again():
    watched, told = Watched(limit=8, carriers=8), []
    for returned in (0, 0, 0, 1, 1, 1):
        watched.after(EXHAUSTED_AFTER, returned=returned)
        told.append(watched.growth.is_exhausted(replace(watched.look, carriers=8)))
    assert told == [True, False, False, False, True, False]
