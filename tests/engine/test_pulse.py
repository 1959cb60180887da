"""`pulse`: the sign of life of an operator's timers and event loop."""

import threading

from support.gates import DEADLINE, Gate

from smoothop import Operator, none
from smoothop.engine.watching.pulse import pulse


def test_an_operator_without_an_event_loop_answers():
    with Operator() as operator:
        assert pulse(operator).wait(DEADLINE)


def test_a_loop_that_a_handler_blocks_answers_only_when_it_is_let_go():
    blocked, go_on, timers_are_past = Gate(), Gate(), Gate()

    async def block(ctx):
        blocked.open()
        go_on.wait()  # on the loop, as no async handler should
        return none(3600)

    with Operator() as operator:
        operator.add_handler("block", block)
        operator.start("block")
        blocked.wait()
        asked = pulse(operator)
        operator._means.timers.call_later(0, timers_are_past.open)
        timers_are_past.wait()
        assert not asked.done()
        go_on.open()
        assert asked.wait(DEADLINE)


def test_a_handler_that_blocks_its_own_thread_keeps_nobody_from_answering():
    blocked, go_on = Gate(), Gate()

    def block(ctx):
        blocked.open()
        go_on.wait()
        return none(3600)

    with Operator() as operator:
        operator.add_handler("block", block)
        operator.start("block")
        blocked.wait()
        assert pulse(operator).wait(DEADLINE)
        go_on.open()


def test_a_closed_operator_answers():
    async def idle(ctx):
        return none(3600)

    with Operator() as operator:
        operator.add_handler("idle", idle)
        operator.start("idle")
        assert pulse(operator).wait(DEADLINE)
    assert pulse(operator).wait(DEADLINE)


def test_without_a_thread_for_the_timers_the_pulse_fails_and_does_not_hang(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with Operator() as operator:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            asked = pulse(operator)
        assert "can't start new thread" in str(asked.exception(0))
