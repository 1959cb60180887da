"""`Timers`: what comes in the middle of their own steps."""

from smoothop.engine.timers import Timers
from smoothop.testing import SimMachine


def test_a_timer_that_is_set_while_the_thread_is_about_to_sleep_is_in_time():
    machine = SimMachine(1)
    called = {}

    def set_timers():
        timers = Timers(machine)
        began = machine.monotonic()
        make_gate = machine.gate

        def interrupted():
            """Sets a timer as an object may that is collected just then."""
            machine.gate = make_gate
            timers.call_later(1, lambda: note("early"))
            return make_gate()

        def note(name):
            called[name] = round(machine.monotonic() - began)

        machine.gate = interrupted
        timers.call_later(100, lambda: note("late"))

    machine.run(set_timers)
    assert called == {"early": 1, "late": 100}
