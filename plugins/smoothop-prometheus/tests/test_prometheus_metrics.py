"""What the metrics say about workers of a real operator."""

from __future__ import annotations

import threading

import pytest

from smoothop import Config, DispatchTimeoutError, Operator, Registry, done, fail, hookimpl, none

DEADLINE = 30
ONLY_MESSAGES = Config(message_only=True)
PATIENT = Config(message_only=True, panic_backoff=0.001)


def handle(ctx):
    """Do what the message says."""
    match ctx.message:
        case "fail":
            return fail("no")
        case "panic":
            raise RuntimeError("no")
        case "none":
            return none()
        case _:
            return done()


def outcomes(operator, *messages):
    """Send messages one by one, and wait for each outcome, good or bad."""
    for message in messages:
        receipt = operator.dispatch("worker", message)
        try:
            receipt.result(timeout=DEADLINE)
        except Exception:
            assert message in ("fail", "panic")


def test_calls_are_counted_by_what_they_returned(followed, operator):
    operator.add_handler("worker", handle, PATIENT)
    operator.start_all()
    outcomes(operator, "done", "done", "fail", "none", "done", "panic")
    followed.wait_until_told(operator)

    def count(status):
        return followed.value(
            "smoothop_handle_duration_seconds_count", worker="worker", status=status
        )

    assert [count(status) for status in ("done", "fail", "none")] == [3, 1, 1]


def test_durations_add_up_and_fall_into_their_buckets(followed, operator):
    operator.add_handler("worker", handle, ONLY_MESSAGES)
    stream = operator.worker("worker").metrics(kinds="handle")
    operator.start_all()
    outcomes(operator, "done", "done", "done")
    durations = [stream.get(DEADLINE).duration for _ in range(3)]
    followed.wait_until_told(operator)
    labels = {"worker": "worker", "status": "done"}
    name = "smoothop_handle_duration_seconds"

    assert followed.value(f"{name}_sum", **labels) == pytest.approx(sum(durations))
    for bound in (0.001, 0.01, 300.0):
        within = sum(duration <= bound for duration in durations)
        assert followed.value(f"{name}_bucket", **labels, le=str(bound)) == within
    assert followed.value(f"{name}_bucket", **labels, le="+Inf") == 3


def test_every_message_that_reached_the_handler_counts_in_the_mailbox_wait(followed, operator):
    operator.add_handler("worker", handle, PATIENT)
    stream = operator.worker("worker").metrics(kinds=["handle", "panic"])
    receipts = [operator.dispatch("worker", "done"), operator.dispatch("worker", "panic")]
    operator.start_all()
    waits = [stream.get(DEADLINE).waited for _ in receipts]
    followed.wait_until_told(operator)

    assert followed.value("smoothop_mailbox_wait_seconds_count", worker="worker") == 2
    total = followed.value("smoothop_mailbox_wait_seconds_sum", worker="worker")
    assert total == pytest.approx(sum(waits))


def test_polling_calls_wait_for_no_mailbox(followed, operator):
    operator.add_handler("worker", lambda ctx: none(idle=DEADLINE))
    stream = operator.worker("worker").metrics(kinds="handle")
    operator.start_all()
    stream.get(DEADLINE)
    followed.wait_until_told(operator)

    assert followed.value("smoothop_mailbox_wait_seconds_count", worker="worker") == 0


def test_panics_are_those_of_the_snapshot(followed, operator):
    operator.add_handler("worker", handle, PATIENT)
    operator.start_all()
    outcomes(operator, "panic", "panic")
    followed.wait_until_told(operator)

    assert followed.value("smoothop_panics_total", worker="worker") == 2
    assert operator.worker("worker").snapshot().panics == 2


def test_messages_are_counted_as_accepted_or_refused(followed, operator):
    operator.add_handler("worker", handle, Config(message_only=True, mailbox_size=1))
    operator.dispatch("worker", "done")
    with pytest.raises(DispatchTimeoutError):
        operator.dispatch("worker", "done", timeout=0.001)
    followed.wait_until_told(operator)

    counted = [
        followed.value("smoothop_dispatch_total", worker="worker", result=result)
        for result in ("accepted", "refused")
    ]
    assert counted == [1, 1]


def test_the_mailbox_is_shown_as_it_is_at_the_scrape(followed, operator):
    operator.add_handler("worker", handle, Config(message_only=True, mailbox_size=7))
    operator.dispatch("worker", "done")
    operator.dispatch("worker", "done")
    followed.wait_until_told(operator)

    assert followed.value("smoothop_mailbox_depth", worker="worker") == 2
    assert followed.value("smoothop_mailbox_capacity", worker="worker") == 7
    operator.dispatch("worker", "done")
    assert followed.value("smoothop_mailbox_depth", worker="worker") == 3


def test_exactly_one_state_is_1(followed, operator):
    busy, go_on = threading.Event(), threading.Event()

    def hold(ctx):
        busy.set()
        go_on.wait(DEADLINE)
        return none(idle=DEADLINE)

    operator.add_handler("worker", hold)
    operator.start_all()
    assert busy.wait(DEADLINE)
    followed.wait_until_told(operator)
    states = {
        labels["state"]: followed.value("smoothop_worker_state", **labels)
        for labels in followed.labels("smoothop_worker_state")
    }
    go_on.set()

    assert states == {
        "stopped": 0,
        "starting": 0,
        "handling": 1,
        "idle": 0,
        "backoff": 0,
        "stopping": 0,
        "failed": 0,
    }


def test_a_worker_that_used_up_its_panics_is_failed(followed, operator):
    operator.add_handler("worker", handle, Config(message_only=True, max_panic_attempts=1))
    ends = operator.worker("worker").metrics(kinds="lifecycle")
    operator.start_all()
    operator.dispatch("worker", "panic")
    assert [event.event for event in ends][-1] == "stopped"
    followed.wait_until_told(operator)

    assert followed.value("smoothop_worker_state", worker="worker", state="failed") == 1


def test_starts_after_the_first_are_restarts(followed, operator):
    operator.add_handler("worker", handle, ONLY_MESSAGES)
    followed.wait_until_told(operator)
    assert followed.value("smoothop_worker_restarts_total", worker="worker") == 0
    operator.start("worker")
    assert followed.value("smoothop_worker_restarts_total", worker="worker") == 0
    operator.stop("worker").result(DEADLINE)
    operator.start("worker")
    operator.update_config("worker", mailbox_size=5).result(DEADLINE)

    assert followed.value("smoothop_worker_restarts_total", worker="worker") == 2


def test_the_last_success_moves_with_done_and_none_but_not_with_fail_or_panic(followed, operator):
    operator.add_handler("worker", handle, PATIENT)
    stream = operator.worker("worker").metrics(kinds="handle")
    operator.start_all()
    name = "smoothop_last_success_timestamp_seconds"
    outcomes(operator, "fail", "panic")
    followed.wait_until_told(operator)
    assert followed.value(name, worker="worker") is None

    outcomes(operator, "none", "done", "fail", "panic")
    times = {event.status: event.time for event in (stream.get(DEADLINE) for _ in range(4))}
    followed.wait_until_told(operator)
    assert followed.value(name, worker="worker") == times["done"]


def test_a_worker_has_all_its_series_from_the_first_scrape_on(followed, operator):
    operator.add_handler("worker", handle, ONLY_MESSAGES)
    followed.wait_until_told(operator)

    for status in ("none", "done", "fail"):
        labels = {"worker": "worker", "status": status}
        assert followed.value("smoothop_handle_duration_seconds_count", **labels) == 0
    assert followed.value("smoothop_panics_total", worker="worker") == 0
    assert followed.value("smoothop_dispatch_total", worker="worker", result="refused") == 0
    assert followed.value("smoothop_mailbox_wait_seconds_count", worker="worker") == 0


def test_the_failures_of_other_plugins_are_counted_by_hook(followed):
    class Broken:
        @hookimpl
        def smoothop_worker_removed(self, worker):
            removed.set()
            raise RuntimeError("broken on purpose")

    removed = threading.Event()
    operator = Operator()
    followed.operators.append(operator)
    registry = Registry()
    registry.hooks.register(Broken(), "broken")
    registry.hooks.register(followed.observer, "prometheus")
    registry.observe(operator)
    followed.wait_until_told(operator)
    assert removed.wait(DEADLINE)
    operator.add_handler("second", handle)
    removed.clear()
    operator.remove_handler("second")
    assert removed.wait(DEADLINE)

    # The first failure was counted before the second call; the second may not be yet.
    labels = {"plugin": "broken", "hook": "smoothop_worker_removed"}
    assert followed.value("smoothop_plugin_errors_total", **labels) in (1, 2)


def test_dropped_events_are_counted(followed, operator):
    held, go_on = threading.Event(), threading.Event()

    class Slow:
        @hookimpl
        def smoothop_dispatch(self):
            held.set()
            go_on.wait(DEADLINE)

    slow = Operator()
    followed.operators.append(slow)
    registry = Registry()
    registry.hooks.register(Slow(), "slow")
    registry.hooks.register(followed.observer, "prometheus")
    registry.observe(slow)
    slow.add_handler("worker", handle, Config(message_only=True, mailbox_size=100_000))
    followed.wait_until_told(slow)
    slow.dispatch("worker", "held")
    assert held.wait(DEADLINE)
    for _ in range(100_000):
        slow.dispatch("worker", "queued")
        dropped = sum(info.dropped for info in slow.observers)
        if dropped >= 10:
            break
    counted = followed.value("smoothop_events_dropped_total")
    go_on.set()

    assert counted == dropped >= 10


def test_versions_are_told(followed, operator):
    followed.wait_until_told(operator)

    (labels,) = followed.labels("smoothop_build_info")
    assert labels.keys() == {"version", "python"}
    assert followed.value("smoothop_build_info", **labels) == 1
