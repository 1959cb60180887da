"""Which series there are: they end with their worker, are bounded in number, and shared rarely."""

from __future__ import annotations

import gc

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.registry import DuplicateTimeseries
from smoothop_prometheus import PrometheusObserver

from smoothop import Config, HandlerPanickedError, Operator, done

DEADLINE = 30
ONLY_MESSAGES = Config(message_only=True, panic_backoff=0.001)


def handle(ctx):
    if ctx.message == "panic":
        raise RuntimeError("no")
    return done()


def workers(followed):
    labels = followed.labels("smoothop_mailbox_depth")
    return [one["worker"] for one in labels if one["worker"] != "marker"]


def panic(operator, name):
    with pytest.raises(HandlerPanickedError):
        operator.dispatch(name, "panic").result(DEADLINE)


def test_the_series_of_a_removed_worker_end(followed, operator):
    operator.add_handler("stays", handle, ONLY_MESSAGES)
    operator.add_handler("goes", handle, ONLY_MESSAGES)
    operator.start_all()
    operator.dispatch("goes", "message").result(DEADLINE)
    operator.remove_handler("goes").result(DEADLINE)
    followed.wait_until_told(operator)

    every = [
        sample.labels
        for metric in followed.metrics.collect()
        for sample in metric.samples
        if "worker" in sample.labels
    ]
    assert {labels["worker"] for labels in every} == {"stays"}


def test_a_worker_that_comes_again_begins_at_0(followed, operator):
    for expected in (1, 1):
        operator.add_handler("worker", handle, ONLY_MESSAGES)
        operator.start("worker")
        operator.dispatch("worker", "message").result(DEADLINE)
        followed.wait_until_told(operator)
        labels = {"worker": "worker", "result": "accepted"}
        assert followed.value("smoothop_dispatch_total", **labels) == expected
        operator.remove_handler("worker").result(DEADLINE)
        followed.wait_until_told(operator)


def test_workers_above_the_limit_share_series(followed, operator, monkeypatch):
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_MAX_WORKERS", "2")
    followed.wait_until_told(operator)  # the limit is read when the first worker starts
    for name in ("a", "b", "c", "d"):
        operator.add_handler(name, handle, ONLY_MESSAGES)
        operator.dispatch(name, "message")
    followed.wait_until_told(operator)

    assert workers(followed) == ["a", "b", "_other"]
    assert followed.value("smoothop_mailbox_depth", worker="_other") == 2
    assert followed.value("smoothop_dispatch_total", worker="_other", result="accepted") == 2
    assert followed.value("smoothop_worker_state", worker="_other", state="stopped") == 2


def test_a_place_that_becomes_free_is_taken_by_the_next_worker(followed, operator, monkeypatch):
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_MAX_WORKERS", "1")
    followed.wait_until_told(operator)
    operator.add_handler("a", handle, ONLY_MESSAGES)
    operator.add_handler("b", handle, ONLY_MESSAGES)
    assert workers(followed) == ["a", "_other"]
    operator.remove_handler("a").result(DEADLINE)
    followed.wait_until_told(operator)
    operator.add_handler("c", handle, ONLY_MESSAGES)

    assert sorted(workers(followed)) == ["_other", "c"]


def test_shared_counters_never_fall_when_a_worker_is_removed(followed, operator, monkeypatch):
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_MAX_WORKERS", "0")
    followed.wait_until_told(operator)
    for name in ("a", "b"):
        operator.add_handler(name, handle, ONLY_MESSAGES)
        operator.start(name)
        panic(operator, name)
        operator.update_config(name, mailbox_size=5).result(DEADLINE)
    operator.remove_handler("a").result(DEADLINE)
    followed.wait_until_told(operator)

    assert followed.value("smoothop_panics_total", worker="_other") == 2
    assert followed.value("smoothop_worker_restarts_total", worker="_other") == 2


def test_workers_of_the_same_name_in_two_operators_share_series(followed):
    first, second = followed.operator(), followed.operator()
    for operator in (first, second):
        operator.add_handler("worker", handle, ONLY_MESSAGES)
        operator.start_all()
        panic(operator, "worker")
        followed.wait_until_told(operator)

    assert workers(followed) == ["worker"]
    assert followed.value("smoothop_panics_total", worker="worker") == 2
    assert followed.value("smoothop_mailbox_capacity", worker="worker") == 2 * 1024
    first.remove_handler("worker").result(DEADLINE)
    followed.wait_until_told(first)
    assert followed.value("smoothop_panics_total", worker="worker") == 2
    assert followed.value("smoothop_mailbox_capacity", worker="worker") == 1024


def test_an_operator_that_closes_takes_only_its_own_series_along(followed):
    first, second = followed.operator(), followed.operator()
    for name, operator in (("first", first), ("second", second)):
        operator.add_handler(name, handle, ONLY_MESSAGES)
        operator.dispatch(name, "message")
        followed.wait_until_told(operator)
    first.close()

    assert workers(followed) == ["second"]
    assert followed.value("smoothop_dispatch_total", worker="second", result="accepted") == 1


def test_the_last_operator_takes_the_metrics_out_of_the_registry(followed, operator):
    followed.wait_until_told(operator)
    assert list(followed.metrics.collect())
    operator.close()

    assert not list(followed.metrics.collect())
    assert followed.observer.exposure is None


def test_an_operator_that_nobody_closes_is_not_kept(followed):
    observer = PrometheusObserver(registry=CollectorRegistry())
    operator = Operator()
    observer.smoothop_operator_started(operator)
    assert observer.exposure is not None
    del operator
    gc.collect()

    assert not [*observer.exposure.collector._operators()]


def test_the_metrics_stand_in_the_default_registry_beside_those_of_handlers():
    observer = PrometheusObserver()
    with Operator() as operator:
        observer.smoothop_operator_started(operator)
        operator.add_handler("worker", handle)
        assert REGISTRY.get_sample_value("smoothop_panics_total", {"worker": "worker"}) == 0
        assert observer.exposure.registry is REGISTRY
    observer.smoothop_operator_stopped(operator)
    assert REGISTRY.get_sample_value("smoothop_panics_total", {"worker": "worker"}) is None


def test_a_second_observer_in_the_same_registry_is_refused():
    registry = CollectorRegistry()
    with Operator() as operator:
        first = PrometheusObserver(registry=registry)
        first.smoothop_operator_started(operator)
        with pytest.raises(DuplicateTimeseries, match="smoothop_"):
            PrometheusObserver(registry=registry).smoothop_operator_started(operator)
    first.smoothop_operator_stopped(operator)


def test_the_collector_alone_can_be_registered_elsewhere(followed, operator):
    operator.add_handler("worker", handle)
    followed.wait_until_told(operator)
    elsewhere = CollectorRegistry()
    elsewhere.register(followed.observer.exposure.collector)

    assert elsewhere.get_sample_value("smoothop_panics_total", {"worker": "worker"}) == 0
