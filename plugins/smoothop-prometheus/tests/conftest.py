"""Operators that the plugin follows by way of a registry, as it does in ``smoothop run``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client import CollectorRegistry
from smoothop_prometheus import PrometheusObserver

from smoothop import Config, Operator, Registry, Worker, done, hookimpl

DEADLINE = 30
MARKER = "marker"


class Listening(PrometheusObserver):
    """The plugin; tells when it has been told everything up to the removal of a marker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry=registry)
        self.told = threading.Event()
        self.has_started = threading.Event()

    @hookimpl
    def smoothop_operator_started(self, operator: Operator) -> None:
        try:
            super().smoothop_operator_started(operator)
        finally:
            self.has_started.set()

    @hookimpl
    def smoothop_worker_removed(self, worker: Worker) -> None:
        super().smoothop_worker_removed(worker)
        if worker.name == MARKER:
            self.told.set()


class Followed:
    """Operators, one observer for all of them, and the registry that it fills."""

    def __init__(self) -> None:
        self.metrics = CollectorRegistry()
        self.observer = Listening(self.metrics)
        self.operators: list[Operator] = []
        self.failing_hooks: dict[str, int] = {}  # which of the plugin's hooks are meant to fail

    def operator(self) -> Operator:
        """Return a new operator that the observer follows."""
        operator = Operator()
        self.operators.append(operator)
        registry = Registry()
        registry.hooks.register(self.observer, "prometheus")
        registry.observe(operator)
        return operator

    def wait_until_told(self, operator: Operator) -> None:
        """Return when the observer knows everything that has happened so far."""
        self.observer.told.clear()
        operator.add_handler(MARKER, lambda ctx: done(), Config(message_only=True))
        operator.start(MARKER)  # the plugin is told nothing before a worker starts
        operator.remove_handler(MARKER)
        assert self.observer.told.wait(DEADLINE)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a series, ``None`` when there is none."""
        return self.metrics.get_sample_value(name, labels)

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of each series of that name."""
        samples = (sample for metric in self.metrics.collect() for sample in metric.samples)
        return [sample.labels for sample in samples if sample.name == name]

    def url(self) -> str:
        """Return where the metrics are served."""
        assert self.observer.has_started.wait(DEADLINE)
        assert self.observer.exposure is not None
        assert self.observer.exposure.endpoint is not None
        return self.observer.exposure.endpoint.url


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOOTHOP_PROMETHEUS_LISTEN", "off")


@pytest.fixture
def followed() -> Iterator[Followed]:
    made = Followed()
    yield made
    for operator in made.operators:
        operator.close()
        for plugin in operator.observers:
            if plugin.name == "prometheus":
                assert plugin.failures == made.failing_hooks


@pytest.fixture
def operator(followed: Followed) -> Operator:
    return followed.operator()


@pytest.fixture
def get() -> Callable[[str], str]:
    """Return the text at a URL."""
    opener = build_opener(ProxyHandler({}))

    def read(url: str) -> str:
        with opener.open(url, timeout=DEADLINE) as answer:
            return answer.read().decode()

    return read
