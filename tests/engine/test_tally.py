"""`smoothop.engine.completion.Tally`: one completion for any number of stops."""

from smoothop.engine.completion import Tally
from smoothop.engine.machine import SYSTEM


def test_it_is_done_when_all_were_asked_and_have_ended():
    tally = Tally(SYSTEM, ("a", "b"), "the stop")
    tally.run_ended(())
    whole = tally.all_asked()
    assert not whole.done()
    tally.run_ended(())
    assert whole.done()


def test_it_is_not_done_before_all_were_asked_although_all_have_ended():
    tally = Tally(SYSTEM, ("a",), "the stop")
    tally.run_ended(())
    assert not tally.whole.done()
    assert tally.all_asked().done()


def test_of_nobody_it_is_done_at_once():
    tally = Tally(SYSTEM, (), "the stop")
    assert not tally.whole.done()
    assert tally.all_asked().done()


def test_who_waits_for_it_joins_the_threads_of_all():
    tally = Tally(SYSTEM, ("a", "b"), "the stop")
    threads = [SYSTEM.spawn(lambda: None, name) for name in ("a", "b")]
    for thread in threads:
        tally.run_ended((thread,))
    assert tally.all_asked().threads == threads
    assert tally.whole.wait(20)
