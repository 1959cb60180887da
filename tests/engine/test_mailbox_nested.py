"""A message that is sent by a signal handler in the middle of sending another one."""

import signal
import time

from support.gates import DEADLINE

from smoothop import Config, Operator, done
from smoothop.engine.machine import SystemMachine


class Interrupted(SystemMachine):
    """A machine on which a signal arrives when the clock is read the next time."""

    armed = False

    def monotonic(self):
        if self.armed:
            self.armed = False
            signal.raise_signal(signal.SIGUSR1)
        return time.monotonic()


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
