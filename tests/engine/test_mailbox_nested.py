"""What a signal handler or a collected object does in the middle of sending, or of lying down."""

import signal
import threading
import time

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Config, Operator, SmoothopError, done
from smoothop.engine.machine import SystemMachine
from smoothop.engine.messages.mailbox import Mailbox


class Interrupted(SystemMachine):
    """A machine on which a signal arrives when the clock is read the next time."""

    armed = False

    def monotonic(self):
        if self.armed and threading.current_thread() is threading.main_thread():
            self.armed = False
            signal.raise_signal(signal.SIGUSR1)
        return time.monotonic()


def test_a_close_does_not_wait_for_a_worker_to_which_it_keeps_a_message_from_going():
    machine = Interrupted()
    with Operator(_machine=machine, close_timeout=3600) as op:
        view = op.add_handler("w", lambda ctx: done(ctx.message), Config(message_only=True))
        other = op.add_handler("other", lambda ctx: done(), Config(message_only=True))
        op.start_all()
        before = signal.signal(signal.SIGUSR1, lambda *_: op.close())
        try:
            machine.armed = True
            with pytest.raises(SmoothopError, match=r"^w: cannot get on .*; close again then$"):
                op.dispatch("w", "outer")
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert other.status == "stopped"
    assert view.status == "stopped"


def test_the_first_message_and_one_that_a_signal_handler_sends_meanwhile_both_have_an_outcome():
    machine = Interrupted()
    received = []
    with Operator(_machine=machine) as op:
        op.add_handler("w", lambda ctx: done(ctx.message), Config(message_only=True))
        before = signal.signal(
            signal.SIGUSR1, lambda *_: received.append(op.dispatch("w", "inner"))
        )
        try:
            machine.armed = True
            outer = op.dispatch("w", "outer")
        finally:
            signal.signal(signal.SIGUSR1, before)
        op.start("w")
        assert outer.result(DEADLINE) == "outer"
        assert received[0].result(DEADLINE) == "inner"


class Collecting(Mailbox):
    """A mailbox in which an object is collected while a sleeper is noted, and sends a message."""

    def __init__(self, core, send):
        self.send = None
        super().__init__(core, 10)
        self.send = send

    @property
    def sleepers(self):
        send, self.send = self.send, None
        if send is not None:
            send()
        return self.noted

    @sleepers.setter
    def sleepers(self, noted):
        self.noted = noted


def test_a_message_that_is_sent_while_its_worker_lies_down_wakes_it():
    receipts = []
    with Operator() as op:
        op.add_handler("w", lambda ctx: done(ctx.message), Config(message_only=True))
        core = op._cores["w"]
        sent = Gate("the message")

        def send():
            receipts.append(op.dispatch("w", "late"))
            sent.open()

        core.mailbox = Collecting(core, send)
        op.start("w")
        sent.wait()
        assert receipts[0].result(DEADLINE) == "late"
