"""`smoothop.engine.worker.snapshots`: how busy a worker is, on virtual time; its phase."""

from types import SimpleNamespace

import pytest

from smoothop import Config, done, none
from smoothop.engine.worker.snapshots import phase
from smoothop.engine.worker.supervision import ABANDONED
from smoothop.testing import VirtualOperator


def test_the_rate_and_p95_of_a_worker_that_sleeps_between_its_calls():
    with VirtualOperator() as op:

        def handle(ctx):
            ctx.wait(0.25)
            return none(0.75)

        worker = op.add_handler("w", handle)
        assert (worker.snapshot().rate, worker.snapshot().p95) == (None, None)
        op.start("w")
        op.advance(100)
        snapshot = worker.snapshot()
        assert snapshot.rate == pytest.approx(1, rel=0.02)
        assert snapshot.p95 == pytest.approx(0.25, rel=0.01)
        assert worker.last_metric().duration == pytest.approx(0.25, rel=0.01)


def test_the_rate_and_p95_of_a_worker_that_never_sleeps():
    with VirtualOperator() as op:

        def handle(ctx):
            ctx.wait(0.5)
            return done()

        worker = op.add_handler("w", handle)
        op.start("w")
        op.advance(100)
        snapshot = worker.snapshot()
        assert snapshot.rate == pytest.approx(2, rel=0.02)
        assert snapshot.p95 == pytest.approx(0.5, rel=0.01)


def test_calls_before_and_after_a_sleep_count_alike_and_the_stop_is_the_last_event():
    with VirtualOperator() as op:

        def handle(ctx):
            ctx.wait(ctx.message)
            return done()

        worker = op.add_handler("w", handle, Config(message_only=True))
        op.start("w")
        for pause in (1, 2, 3, 4):
            op.dispatch("w", pause).result()
        assert worker.snapshot().p95 == pytest.approx(4, rel=0.01)
        assert worker.snapshot().rate == pytest.approx(0.4, rel=0.02)
        assert worker.last_metric().duration == pytest.approx(4, rel=0.01)
        op.stop("w").wait()
        assert worker.last_metric().event == "stopped"
        assert worker.snapshot().p95 == pytest.approx(4, rel=0.01)


def test_a_panic_right_after_other_calls_is_the_last_event():
    with VirtualOperator() as op:
        left = [done(), done()]
        worker = op.add_handler("w", lambda ctx: left.pop(), Config(panic_backoff=60))
        op.start("w")
        op.advance(1)
        assert worker.last_metric().kind == "panic"
        assert worker.snapshot().handled == 2


def test_a_setup_that_follows_a_panic_is_as_old_as_it_is():
    with VirtualOperator() as op:

        class Slow:
            def setup(self, ctx):
                ctx.wait(8)
                if worker.snapshot().panics == 0:
                    raise ValueError("the first time")

            def handle(self, ctx):
                return none(100)

        worker = op.add_handler("w", Slow(), Config(panic_backoff=1))
        op.start("w")
        ages = []
        for seconds in (6, 2, 4, 5):  # in the first, in the backoff, in the second, after it
            op.advance(seconds)
            snapshot = worker.snapshot()
            since = snapshot.slots[0]["starting_since"]
            ages.append((snapshot.phase, since and snapshot.time - since))
        assert ages == [
            ("starting", pytest.approx(6, abs=0.01)),
            ("backoff", None),
            ("starting", pytest.approx(3, abs=0.01)),
            ("idle", None),
        ]


def test_the_history_has_each_start_and_stop_when_it_was():
    with VirtualOperator() as op:
        worker = op.add_handler("w", lambda _: none(100))
        began = worker.snapshot().time
        op.start("w")
        op.advance(10)
        op.stop("w").wait()
        snapshot = worker.snapshot()
    assert [(entry["event"], entry["detail"]) for entry in snapshot.history] == [
        ("started", None),
        ("stopped", "requested"),
    ]
    assert [entry["time"] - began for entry in snapshot.history] == pytest.approx([0, 10], abs=0.1)
    assert snapshot.history[-1]["time"] == snapshot.stopped_at == snapshot.last_event["time"]


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([("idle", None), ("handling", None)], "handling"),
        ([("idle", None), ("backoff", None)], "backoff"),
        ([("handling", ABANDONED), ("idle", None)], "idle"),
        ([("handling", ABANDONED), ("backoff", None), ("idle", None)], "backoff"),
        ([("handling", ABANDONED), ("handling", ABANDONED)], "handling"),
    ],
)
def test_the_liveliest_phase_counts_but_not_that_of_an_abandoned_slot(slots, expected):
    slots = [SimpleNamespace(phase=name, dismissed=dismissed) for name, dismissed in slots]
    run = SimpleNamespace(over=False, leaving=False, slots=slots)
    assert phase(SimpleNamespace(run=run)) == expected
