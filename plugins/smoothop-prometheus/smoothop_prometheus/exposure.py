"""`Exposure`: the collector, the registry it is in, and the endpoint that serves that."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import REGISTRY, CollectorRegistry

from smoothop import Operator
from smoothop_prometheus.collector import SmoothopCollector
from smoothop_prometheus.endpoint import Endpoint
from smoothop_prometheus.ledger import Ledger
from smoothop_prometheus.settings import Address


class Exposure:
    """The metrics as others see them, from its making until `close`.

    Attributes:
        registry: where the metrics are registered; whoever has a web server may serve it too.
        collector: the metrics alone, for another registry.
        endpoint: the HTTP server; ``None``: the metrics are not served by this package.
    """

    def __init__(
        self,
        operators: Callable[[], Iterable[Operator]],
        ledger: Ledger,
        registry: CollectorRegistry | None,
    ) -> None:
        """Register the metrics.

        Raises:
            ValueError: others of these names are registered already.
        """
        self.registry = REGISTRY if registry is None else registry
        self.collector = SmoothopCollector(operators, ledger)
        self.endpoint: Endpoint | None = None
        self.registry.register(self.collector)

    def listen(self, address: Address) -> None:
        """Serve the registry there, unless it is being served already.

        Raises:
            OSError: nobody can listen there.
        """
        if self.endpoint is None:
            self.endpoint = Endpoint(address, self.registry)

    def close(self) -> None:
        """Listen no more, and take the metrics out of the registry."""
        if self.endpoint is not None:
            self.endpoint.close()
        self.registry.unregister(self.collector)
