"""The agenda: what is due comes in order, and what was forgotten does not come at all."""

import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothop.engine.agenda import PAGE, SPARE, Agenda


def entries(agenda):
    """Count what is written down in it."""
    return sum(map(len, agenda._pages.values()))


def test_what_is_due_comes_out_the_earliest_first_and_once():
    agenda = Agenda()
    for until in (3.0, 1.0, 2.0, 4.0):
        agenda.push(until, f"at {until:g}")

    assert agenda.pop_due(3.0) == ["at 1", "at 2", "at 3"]
    assert agenda.pop_due(3.0) == []
    assert len(agenda) == 1


def test_items_of_the_same_time_come_in_the_order_they_were_added():
    agenda = Agenda()
    for item in ("first", "second", "third"):
        agenda.push(1.0, item)

    assert agenda.pop_due(1.0) == ["first", "second", "third"]


def test_items_are_never_compared():
    agenda = Agenda()
    agenda.push(1.0, object())
    agenda.push(1.0, object())

    assert len(agenda.pop_due(1.0)) == 2


def test_no_more_are_taken_than_asked_for():
    agenda = Agenda()
    for number in range(5):
        agenda.push(float(number), number)

    assert agenda.pop_due(9.0, most=2) == [0, 1]
    assert agenda.pop_due(9.0, most=2) == [2, 3]
    assert agenda.pop_due(9.0, most=2) == [4]


def test_what_was_forgotten_does_not_come_and_is_not_waited_for():
    agenda = Agenda()
    first = agenda.push(1.0, "first")
    agenda.push(2.0, "second")

    assert agenda.discard(first)
    assert agenda.next_until() == 2.0
    assert agenda.pop_due(9.0) == ["second"]


def test_forgetting_again_or_too_late_is_answered_with_no():
    agenda = Agenda()
    forgotten, taken = agenda.push(1.0, None), agenda.push(1.0, None)
    agenda.discard(forgotten)
    agenda.pop_due(1.0)

    assert not agenda.discard(forgotten)
    assert not agenda.discard(taken)


def test_an_empty_agenda_waits_for_nothing():
    agenda = Agenda()

    assert agenda.next_until() is None
    assert agenda.pop_due(1e9) == []


def test_forgotten_entries_never_become_the_greater_part():
    agenda = Agenda()
    agenda.push(1e9, "stays")
    for number in range(10_000):
        agenda.discard(agenda.push(1e6 + number, number))
        assert entries(agenda) == agenda._entries <= 2 * len(agenda) + SPARE + 1
        assert len(agenda._pages) <= agenda._entries

    assert agenda.pop_due(1e9) == ["stays"]


def test_what_is_left_when_many_were_forgotten_comes_in_order():
    agenda = Agenda()
    tickets = [agenda.push(float(number), number) for number in reversed(range(400))]
    for number, ticket in zip(reversed(range(400)), tickets, strict=True):
        if number % 4:
            agenda.discard(ticket)

    assert entries(agenda) < 400
    assert agenda.pop_due(9e9, most=50) == list(range(0, 200, 4))
    assert agenda.pop_due(9e9) == list(range(200, 400, 4))


@pytest.mark.parametrize(("apart", "most"), [(PAGE / 100, 100), (2 * PAGE, 240)])
def test_an_entry_takes_few_bytes_and_some_more_if_it_is_alone_on_its_page(apart, most):
    agenda = Agenda()
    number, item = 100_000, object()
    times = [apart * n for n in range(number)]
    tracemalloc.start()
    try:
        for until in times:
            agenda.push(until, item)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert taken / number < most


def test_the_longest_sleep_there_is_is_an_entry_like_any_other():
    agenda = Agenda()
    agenda.push(sys.float_info.max, "never")
    agenda.push(1.0, "soon")

    assert agenda.pop_due(1e300) == ["soon"]
    assert agenda.next_until() == sys.float_info.max


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 20)),
        st.tuples(st.just("discard"), st.integers(0, 200)),
        st.tuples(st.just("pop"), st.integers(0, 20)),
    ),
    max_size=200,
)


@given(STEPS, st.one_of(st.none(), st.integers(1, 3)), st.sampled_from([1.0, PAGE / 8]))
def test_it_does_what_a_sorted_list_does(steps, most, apart):
    agenda, model, tickets = Agenda(), [], []
    for what, number in steps:
        if what == "push":
            until = apart * number
            model.append((until, len(tickets)))
            tickets.append(agenda.push(until, number))
            model.sort()
        elif what == "discard" and number < len(tickets):
            kept = [entry for entry in model if entry[1] != number]
            assert agenda.discard(tickets[number]) == (len(kept) < len(model))
            model = kept
        elif what == "pop":
            due = [entry for entry in model if entry[0] <= apart * number][:most]
            assert agenda.pop_due(apart * number, most) == [until / apart for until, _ in due]
            model = model[len(due) :]
        assert len(agenda) == len(model)
        assert agenda.next_until() == (model[0][0] if model else None)
        assert agenda._entries == entries(agenda)
