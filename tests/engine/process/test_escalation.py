"""What is done, and when, to a child that is to leave."""

from smoothop.engine.runners.process.escalation import LAST_CHANCE, Escalation, Force


def test_nothing_is_done_to_one_that_was_not_asked():
    escalation = Escalation(5)
    assert escalation.due(1e9) is None
    assert escalation.pause(0) is None


def test_it_is_terminated_when_its_grace_is_over_and_killed_soon_after():
    escalation = Escalation(5)
    escalation.asked(100)
    assert (escalation.due(104.9), escalation.pause(104)) == (None, 1)
    assert escalation.due(105) is Force.TERMINATE
    assert (escalation.due(105), escalation.pause(105)) == (None, LAST_CHANCE)
    assert escalation.due(105 + LAST_CHANCE) is Force.KILL
    assert (escalation.due(1e9), escalation.pause(1e9)) == (None, None)


def test_being_asked_again_gives_no_more_time():
    escalation = Escalation(5)
    escalation.asked(100)
    escalation.asked(104)
    assert escalation.due(105) is Force.TERMINATE


def test_one_that_looks_late_still_gets_its_last_chance():
    escalation = Escalation(0)
    escalation.asked(100)
    assert escalation.due(500) is Force.TERMINATE
    assert escalation.due(500) is None
    assert escalation.due(500 + LAST_CHANCE) is Force.KILL


def test_one_that_has_closed_its_connection_is_never_said_to_have_been_asked():
    escalation = Escalation(0)
    escalation.unheard(100)
    escalation.asked(100.5)
    assert (escalation.due(100.5), escalation.pause(100.5)) == (None, LAST_CHANCE - 0.5)
    assert escalation.due(100 + LAST_CHANCE) is Force.KILL_UNHEARD
    assert (escalation.due(1e9), escalation.pause(1e9)) == (None, None)


def test_it_has_no_more_time_if_it_was_terminated_before():
    escalation = Escalation(5)
    escalation.asked(100)
    assert escalation.due(105) is Force.TERMINATE
    escalation.unheard(106)
    assert escalation.due(105 + LAST_CHANCE) is Force.KILL
