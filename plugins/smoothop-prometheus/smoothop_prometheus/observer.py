"""`PrometheusObserver`: the hook implementations; each counts and returns."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from smoothop import (
    DispatchEvent,
    HandleEvent,
    Operator,
    OperatorClosedError,
    PanicEvent,
    Worker,
    WorkerNotFoundError,
    hookimpl,
)
from smoothop_prometheus.ledger import OTHER, Ledger
from smoothop_prometheus.settings import read_address, read_max_workers

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from smoothop_prometheus.exposure import Exposure


class PrometheusObserver:
    """Counts what workers do, and exposes it while an operator runs.

    One observer follows all operators of a process: it exposes from the start of the first until
    the last is closed, and workers of the same name share their series. Hooks may be called from
    any thread.

    Args:
        registry: where the metrics are registered, and what the endpoint serves; default: the
            client library's own, so what handlers count with that library is served as well.
    """

    def __init__(self, *, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry
        self._lock = Lock()
        self._operators: WeakSet[Operator] = WeakSet()
        self._ledger = Ledger()
        self._exposure: Exposure | None = None

    @property
    def exposure(self) -> Exposure | None:
        """The collector, where it is registered and where it is served; ``None``: not now."""
        return self._exposure

    # -- the operator

    @hookimpl
    def smoothop_operator_started(self, operator: Operator) -> None:
        """Register the metrics and listen.

        Raises:
            ValueError: an environment variable says what it must not.
            OSError: nobody can listen there; the metrics are registered all the same.
        """
        # Not imported above: commands that run no worker do not pay for client and server.
        from smoothop_prometheus.exposure import Exposure  # noqa: PLC0415

        with self._lock:
            self._operators.add(operator)
            if self._exposure is None:
                self._exposure = Exposure(self._followed, self._ledger, self._registry)
            self._ledger.max_workers = read_max_workers(os.environ)
            address = read_address(os.environ)
            if address is not None:
                self._exposure.listen(address)

    @hookimpl
    def smoothop_operator_stopped(self, operator: Operator) -> None:
        """Forget its workers; after the last operator, listen no more."""
        with self._lock:
            self._operators.discard(operator)
            for name in self._ledger.workers():
                if not self._is_there(name):
                    self._ledger.forget(name)
            if not self._operators and self._exposure is not None:
                self._exposure.close()
                self._exposure = None

    # -- the workers

    @hookimpl
    def smoothop_handle(self, event: HandleEvent) -> None:
        """Count a call that returned."""
        self._ledger.handled(event)

    @hookimpl
    def smoothop_panic(self, event: PanicEvent) -> None:
        """Count how long the message had waited; panics are read from snapshots."""
        self._ledger.panicked(event)

    @hookimpl
    def smoothop_dispatch(self, event: DispatchEvent) -> None:
        """Count a message that was accepted or refused."""
        self._ledger.dispatched(event)

    @hookimpl
    def smoothop_worker_removed(self, worker: Worker) -> None:
        """Let its series end, or keep its part in those that others share."""
        name = worker.name
        with self._lock:
            is_there = self._is_there(name)  # added again by now, or in another operator
            if is_there or self._ledger.label(name) == OTHER:
                self._ledger.removed(worker.snapshot())
            if not is_there:
                self._ledger.forget(name)

    # -- inside

    def _followed(self) -> list[Operator]:
        with self._lock:
            return list(self._operators)

    def _is_there(self, name: str) -> bool:
        return any(_has(operator, name) for operator in self._operators)


def _has(operator: Operator, name: str) -> bool:
    try:
        operator.worker(name)
    except (WorkerNotFoundError, OperatorClosedError):
        return False
    return True
