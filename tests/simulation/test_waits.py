"""Waits for each other, in controlled histories over many schedules."""

import pytest

from smoothop import Config, Context, HandleResult, Operator, SmoothopError, done
from smoothop.testing import SimMachine, Stalled, Style

SCHEDULES = range(60)
ONE_MESSAGE = Config(mailbox_size=1, message_only=True)


def simulated(seed: int) -> SimMachine:
    return SimMachine(seed, Style(eager=0.6, by_line=0.1))


@pytest.mark.parametrize("seed", SCHEDULES)
def test_a_wait_that_is_over_closes_no_circle(seed: int) -> None:
    """The sender that was just let in has not woken up yet: it waits for nobody any more."""
    machine, refused = simulated(seed), []

    def main() -> None:
        operator = Operator(_machine=machine)

        def forward(ctx: Context) -> HandleResult:
            if ctx.message == "on":
                ctx.dispatch("back", "stay")
            return done()

        def send_back(ctx: Context) -> HandleResult:
            if ctx.message == "back":
                try:
                    ctx.dispatch("forth", "stay")
                except SmoothopError as error:
                    refused.append(error)
            return done()

        operator.add_handler("forth", forward, ONE_MESSAGE)
        operator.add_handler("back", send_back, ONE_MESSAGE)
        operator.dispatch("back", "back")
        operator.start("forth")
        operator.dispatch("forth", "on").wait_delivered()
        operator.dispatch("forth", "stay")
        machine.sleep(1)  # now forth waits for room, and has a full mailbox itself
        operator.start("back")
        machine.sleep(1)
        operator.close()

    machine.run(main)
    assert refused == []


@pytest.mark.parametrize("seed", SCHEDULES)
def test_two_handlers_that_wait_for_each_others_stop_are_told(seed: int) -> None:
    machine, refused = simulated(seed), []

    def main() -> None:
        operator = Operator(_machine=machine)

        def stop_the(other: str) -> object:
            def handle(ctx: Context) -> HandleResult:
                try:
                    operator.stop(other).wait()
                except SmoothopError as error:
                    refused.append(str(error))
                ctx.wait()
                return done()

            return handle

        operator.add_handler("one", stop_the("two"))
        operator.add_handler("two", stop_the("one"))
        operator.start_all()
        machine.sleep(1)
        operator.close()

    machine.run(main)
    assert len(refused) <= 2
    assert all("wait for each other" in text for text in refused)
