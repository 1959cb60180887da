"""`smoothop.engine.worker.tempo`: the rate and the durations of the last calls."""

import pytest

from smoothop.engine.worker.tempo import CALLS, p95, packed, rate, unpacked, with_one_more


def calls_of(*durations, every=1.0):
    """Return calls that began each `every` seconds, from 0 on."""
    return [(n * every + took, n * every, "done", None) for n, took in enumerate(durations)]


def test_packed_calls_come_back_with_their_times_in_order():
    times = packed(packed(None, calls_of(0.25, 0.5)), [(9.0, 8.0, "none", 7.5)])
    assert unpacked(times) == [(0.25, 0.0), (1.5, 1.0), (9.0, 8.0)]


def test_a_sole_call_is_kept_as_it_is_until_others_come():
    (sole,) = calls_of(0.25)
    times = packed(None, [sole])
    assert times is sole
    assert unpacked(times) == [sole]
    assert unpacked(packed(times, [(9.0, 8.0)])) == [(0.25, 0.0), (9.0, 8.0)]


def test_what_was_never_packed_is_nothing():
    assert unpacked(None) == []


def test_only_so_many_calls_are_kept():
    times = packed(None, calls_of(*[0.5] * (CALLS + 3)))
    times = packed(times, [(1000.0, 999.0)])
    kept = unpacked(times)
    assert len(kept) == CALLS
    assert (kept[0][1], kept[-1]) == (4.0, (1000.0, 999.0))


def test_what_is_kept_does_not_grow_with_calls_that_come_one_by_one():
    times = None
    for call in calls_of(*[0.5] * 10 * CALLS):
        times = with_one_more(times, call)
    assert len(times) < 3 * CALLS
    assert unpacked(times) == [call[:2] for call in calls_of(*[0.5] * 10 * CALLS)[-CALLS:]]


def test_the_rate_counts_from_the_first_call_until_now():
    assert rate(calls_of(0.1, 0.1, 0.1, 0.1, every=0.5), now=2.0) == 2.0


def test_the_rate_falls_when_no_call_comes_any_more():
    calls = calls_of(0.1, 0.1)
    assert rate(calls, now=20.0) == 0.1


@pytest.mark.parametrize("calls", [[], [(5.0, 5.0)]])
def test_there_is_no_rate_without_a_span_of_time(calls):
    assert rate(calls, now=5.0) is None


def test_p95_is_what_95_of_100_calls_did_not_exceed():
    durations = [n / 100 for n in range(1, 101)]
    assert p95(calls_of(*durations, every=4.0)) == pytest.approx(0.95)


def test_p95_of_few_calls_is_the_longest():
    assert p95(calls_of(0.5, 0.25)) == 0.5


def test_there_is_no_p95_before_the_first_call():
    assert p95([]) is None
