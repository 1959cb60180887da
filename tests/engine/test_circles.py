"""Who could never get on: a search in the graph of waits, as a function of it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothop import Config, Operator, done
from smoothop.engine.circles import Need, endless_circle
from smoothop.engine.current import UnlimitedWait, circle_of_waits


def one_of(*others):
    return Need(others, every=False)


def all_of(*others):
    return Need(others, every=True)


@pytest.mark.parametrize(
    ("waits", "circle"),
    [
        ({}, []),  # it does not even wait
        ({1: one_of(2)}, []),  # 2 is busy, and will get on
        ({1: one_of()}, []),  # nobody is there yet: somebody may start it
        ({1: all_of()}, []),
        ({1: one_of(1)}, [1, 1]),
        ({1: one_of(2), 2: one_of(1)}, [1, 2, 1]),
        ({1: one_of(2), 2: one_of(3), 3: one_of(1)}, [1, 2, 3, 1]),
        ({1: one_of(2, 3), 2: one_of(1)}, []),  # 3 can take it
        ({1: one_of(2, 3), 2: one_of(1), 3: one_of(1)}, [1, 3, 1]),
        ({1: all_of(2, 3), 2: one_of(1)}, [1, 2, 1]),  # although 3 gets on
        ({1: one_of(2), 2: one_of(3), 3: one_of(2)}, []),  # their circle, not its own
        ({1: one_of(2, 1), 2: one_of(1)}, [1, 1]),
        ({1: one_of(2), 2: all_of(1, 4), 4: one_of(5)}, [1, 2, 1]),
    ],
)
def test_a_circle_is_one_only_if_nobody_in_it_can_get_on(waits, circle):
    assert endless_circle(1, waits.get) == circle


waiters = st.integers(0, 5)
needs = st.builds(Need, st.lists(waiters, max_size=3, unique=True), st.booleans())


@given(waits=st.dictionaries(waiters, needs), start=waiters)
def test_it_is_found_exactly_when_letting_everybody_on_who_can_leaves_start_waiting_for_itself(
    waits, start
):
    can = set(range(6)) - set(waits)
    for _ in waits:
        for who, need in waits.items():
            free = [other in can for other in need.others]
            if not free or (all(free) if need.every else any(free)):
                can.add(who)
    circle = endless_circle(start, waits.get)
    assert bool(circle) == (start not in can and _leads_back(start, waits, can))
    if circle:
        assert circle[0] == circle[-1] == start
        for who, following in itertools.pairwise(circle):
            assert following in waits[who].others
            assert who not in can


def _leads_back(start, waits, can):
    reached, grown = set(waits[start].others), -1
    while grown != len(reached):
        grown = len(reached)
        for who in [who for who in reached if who in waits and who not in can]:
            reached |= set(waits[who].others)
    return start in reached


@pytest.mark.parametrize("ends_meanwhile", [False, True])
def test_a_wait_that_ends_while_the_others_are_looked_at_closes_no_circle(ends_meanwhile):
    over = []

    def need_of_b():
        over.append(ends_meanwhile)  # and then b waits for something else of a's
        return Need([a], every=False)

    with Operator() as op:
        for name in ("a", "b"):
            op.add_handler(name, lambda ctx: done(), Config(message_only=True))
        op.start_all()
        a, b = (op._cores[name].run.slots[0] for name in ("a", "b"))
        a.waits_for = UnlimitedWait(lambda: Need([b], every=False), lambda: any(over))
        b.waits_for = UnlimitedWait(need_of_b, lambda: False)
        assert circle_of_waits(a) == ([] if ends_meanwhile else ["a", "b", "a"])
        a.waits_for = b.waits_for = None
