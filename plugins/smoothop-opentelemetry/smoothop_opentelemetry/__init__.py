"""OpenTelemetry traces and metrics of the messages between workers; see the README for each.

Importing this package does not import OpenTelemetry: the first message does. So commands that run
no worker do not pay for it.
"""

from smoothop_opentelemetry.observer import OpenTelemetryObserver

__all__ = ["OpenTelemetryObserver", "plugin"]

plugin = OpenTelemetryObserver()
"""The hook plugin that the entry point names: one per process, for all its operators."""
