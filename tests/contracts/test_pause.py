"""Pausing and resuming a worker."""

import logging

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Config, Operator, OperatorClosedError, WorkerNotFoundError, done, none
from smoothop.testing import SimMachine


class Counting:
    """A message-only worker that notes what it is called for."""

    def __init__(self, op, way, **config):
        self.called = []

        async def handle(ctx):
            self.called.append(ctx.message)
            return done(ctx.message)

        async def setup(ctx):
            self.called.append("setup")

        self.view = op.add_handler(
            "w", way.handler(handle, setup=setup), Config(message_only=True, **config)
        )


@pytest.fixture(params=[1, 3], ids=["one slot", "three slots"])
def worker(op, way, request):
    return Counting(op, way, concurrency=request.param)


def test_a_paused_worker_accepts_messages_and_handles_them_when_it_is_resumed(op, worker):
    op.start("w")
    assert op.dispatch("w", 1).result(DEADLINE) == 1
    assert op.pause("w") is True
    waiting = [op.dispatch("w", number) for number in (2, 3)]
    assert worker.view.snapshot().mailbox_depth == 2
    assert not waiting[0].wait_delivered(0.05)
    assert op.resume("w") is True
    assert [receipt.result(DEADLINE) for receipt in waiting] == [2, 3]


def test_pausing_and_resuming_twice_changes_nothing(op, worker):
    op.start("w")
    assert op.resume("w") is False
    assert [op.pause("w", by="one"), op.pause("w", by="two")] == [True, False]
    assert worker.view.snapshot().paused_by == "one"
    assert [op.resume("w"), op.resume("w")] == [True, False]


def test_the_running_handle_goes_on_to_its_end(op, way):
    entered, leave = Gate(), Gate()

    async def handle(ctx):
        entered.open()
        await way.passed(leave)
        return done(ctx.cancelled)

    op.add_handler("w", way.handler(handle), Config(message_only=True))
    op.start("w")
    receipt = op.dispatch("w", 1)
    entered.wait()
    op.pause("w")
    leave.open()
    assert receipt.result(DEADLINE) is False


def test_it_stays_paused_through_stop_start_restart_and_a_new_config(op, worker):
    op.pause("w", by="me")
    op.start("w")
    waiting = op.dispatch("w", 1)
    op.stop("w").result(DEADLINE)
    op.start("w")
    op.update_config("w", mailbox_size=5).result(DEADLINE)
    op.update_config("w", concurrency=2).result(DEADLINE)
    assert not waiting.wait_delivered(0.05)
    assert worker.called == []  # setup is the handler's, too
    assert worker.view.snapshot().paused_by == "me"
    op.resume("w")
    assert waiting.result(DEADLINE) == 1
    assert worker.called == ["setup", 1]


def test_a_paused_worker_stops_at_once(op, worker):
    op.start("w")
    op.dispatch("w", 1).result(DEADLINE)
    op.pause("w")
    op.stop("w").result(DEADLINE)
    assert worker.view.status == "stopped"


def test_a_sleep_that_was_not_over_goes_on_after_the_pause(op, way):
    calls, first = [], Gate()

    async def handle(ctx):
        calls.append(ctx.message)
        first.open()
        return none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    first.wait()
    op.pause("w")
    op.resume("w")
    assert op.dispatch("w", 1).result(DEADLINE) is None  # a message still ends it
    assert calls == [None, 1]


def test_the_snapshot_and_the_log_say_since_when_and_by_whom(op, worker, caplog):
    caplog.set_level(logging.INFO, logger="smoothop")
    assert (worker.view.snapshot().paused_since, worker.view.snapshot().paused_by) == (None, None)
    op.pause("w", by="me")
    shown = worker.view.snapshot()
    assert (shown.paused_by, shown.time - shown.paused_since < DEADLINE) == ("me", True)
    op.resume("w")
    assert worker.view.snapshot().paused_since is None
    events = [(entry["event"], entry["detail"]) for entry in worker.view.snapshot().history]
    assert events == [("paused", "me"), ("resumed", None)]
    said = [r.message for r in caplog.records if getattr(r, "worker", None) == "w"]
    assert said == ["worker paused", "worker resumed"]


def test_what_cannot_be_paused_is_refused(op, worker):
    with pytest.raises(WorkerNotFoundError):
        op.pause("nobody")
    with pytest.raises(WorkerNotFoundError):
        op.resume("nobody")
    with pytest.raises(ValueError, match=r"\Aby: text or None, not 3"):
        op.pause("w", by=3)


def test_after_close_both_are_refused(way):
    with way.operator() as op:
        Counting(op, way)
    with pytest.raises(OperatorClosedError):
        op.pause("w")
    with pytest.raises(OperatorClosedError):
        op.resume("w")


@pytest.mark.parametrize("result", [lambda: none(60), lambda: 1 / 0])
def test_the_phase_of_a_paused_worker_is_idle_whatever_it_slept_for(result):
    machine, phases = SimMachine(1), []

    def main():
        operator = Operator(_machine=machine)
        view = operator.add_handler("w", lambda _: result(), Config(panic_backoff=60))
        operator.start("w")
        machine.sleep(1)
        operator.pause("w")
        machine.sleep(1)
        phases.append(view.phase)
        phases.extend(slot["phase"] for slot in view.snapshot().slots)
        operator.close()

    machine.run(main)
    assert phases == ["idle", "idle"]
