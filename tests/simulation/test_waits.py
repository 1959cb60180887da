"""Waits for each other, in controlled histories over many schedules."""

import pytest

from smoothop import Config, Context, HandleResult, Operator, Receipt, SmoothopError, done, none
from smoothop.testing import SimMachine, Style

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


@pytest.mark.parametrize("seed", SCHEDULES)
def test_who_waits_for_room_is_not_overtaken(seed: int) -> None:
    machine, handled = simulated(seed), []

    def main() -> None:
        operator = Operator(_machine=machine)

        def handle(ctx: Context) -> HandleResult:
            machine.sleep(0.01)
            handled.append(ctx.message)
            return done()

        def send_later(message: str, seconds: float) -> None:
            machine.sleep(seconds)
            operator.dispatch("slow", message)

        operator.add_handler("slow", handle, ONE_MESSAGE)
        operator.start("slow")
        operator.dispatch("slow", "in hand").wait_delivered()
        begun = machine.now()
        operator.dispatch("slow", "in the mailbox")
        machine.start(lambda: send_later("first", 0.001), "first")
        # The second comes at the very moment at which a message is taken.
        machine.start(lambda: send_later("second", begun + 0.01 - machine.now()), "second")
        machine.sleep(1)
        operator.close()

    machine.run(main)
    assert handled == ["in hand", "in the mailbox", "first", "second"]


POOLED = Config(run_in="pool", message_only=True)


def asks(ctx: Context) -> HandleResult:
    """Wait without limit for what another worker, which the message names, makes of the rest."""
    other, *rest = ctx.message
    return done(ctx.dispatch(other, rest).result())


def outcomes(receipts: list[Receipt]) -> list[object]:
    """Return each result, or the text of the error; all come soon."""
    results: list[object] = []
    for receipt in receipts:
        try:
            results.append(receipt.result(5))
        except SmoothopError as error:
            results.append(str(error))
    return results


@pytest.mark.parametrize("seed", SCHEDULES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_handlers_that_hold_all_threads_and_wait_for_one_more_are_told(
    seed: int, size: int
) -> None:
    machine = simulated(seed)

    def main() -> list[object]:
        with Operator(_machine=machine, pool_size=size) as operator:
            operator.add_handler("answers", lambda ctx: done("answer"), POOLED)
            for number in range(5):
                operator.add_handler(f"asks{number}", asks, POOLED)
            operator.start_all()
            receipts = [operator.dispatch(f"asks{n}", ["answers"]) for n in range(5)]
            return outcomes(receipts)

    results = machine.run(main)
    refused = [result for result in results if result != "answer"]
    assert all("-> answers (gets no thread of the pool) ->" in str(text) for text in refused)
    assert size > 1 or len(refused) == 5


@pytest.mark.parametrize("seed", SCHEDULES)
def test_so_are_those_of_whom_one_has_a_thread_of_its_own(seed: int) -> None:
    machine = simulated(seed)

    def main() -> list[object]:
        with Operator(_machine=machine, pool_size=1) as operator:
            operator.add_handler("answers", lambda ctx: done("answer"), POOLED)
            operator.add_handler("own", asks, Config(message_only=True))
            operator.add_handler("asks", asks, POOLED)
            operator.start_all()
            return outcomes([operator.dispatch("asks", ["own", "answers"])])

    (text,) = machine.run(main)
    assert "these workers wait for each other" in str(text)


@pytest.mark.parametrize("seed", SCHEDULES)
def test_and_those_who_wait_for_one_that_sleeps_and_will_need_a_thread(seed: int) -> None:
    machine = simulated(seed)

    def panics(ctx: Context) -> HandleResult:
        raise RuntimeError

    def main() -> list[object]:
        with Operator(_machine=machine, pool_size=1) as operator:
            backs_off = Config(run_in="pool", panic_backoff=1, panic_backoff_max=1)
            operator.add_handler("sleeps", panics, backs_off)
            operator.add_handler("asks", asks, POOLED)
            operator.start_all()
            machine.sleep(0.5)
            return outcomes([operator.dispatch("asks", ["sleeps"])])

    (text,) = machine.run(main)
    assert "asks -> sleeps (gets no thread of the pool) -> asks" in str(text)


@pytest.mark.parametrize("seed", SCHEDULES)
def test_nobody_is_told_so_while_one_of_those_with_a_thread_gets_on(seed: int) -> None:
    machine = simulated(seed)

    def main() -> list[object]:
        with Operator(_machine=machine, pool_size=3) as operator:
            operator.add_handler("answers", lambda ctx: done("answer"), POOLED)
            operator.add_handler("first", asks, POOLED)
            operator.add_handler("second", asks, POOLED)
            for name in ("busy", "also-busy"):
                operator.add_handler(name, lambda ctx: none(0.001), Config(run_in="pool"))
            operator.start_all()
            message = ["second", "answers"]
            return outcomes([operator.dispatch("first", message) for _ in range(20)])

    assert machine.run(main) == ["answer"] * 20
