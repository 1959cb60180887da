"""Prometheus metrics of smoothop workers; see the README for each metric.

Importing this package imports neither the Prometheus client nor a web server: the first operator
that starts does. So commands that run no worker do not pay for them.
"""

from smoothop_prometheus.observer import PrometheusObserver

__all__ = ["PrometheusObserver", "plugin"]

plugin = PrometheusObserver()
"""The hook plugin that the entry point names: one per process, for all its operators."""
