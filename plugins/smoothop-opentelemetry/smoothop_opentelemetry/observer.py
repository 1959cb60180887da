"""`OpenTelemetryObserver`: the hook implementations; each gives what goes around a call."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from smoothop import AsyncContext, Context, Worker, hookimpl

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from smoothop_opentelemetry.telemetry import Telemetry


class OpenTelemetryObserver:
    """Puts a span around each dispatch and each call with a message, and counts and times both.

    All of it happens where the message is sent or handled, so nothing is dropped or guessed, and
    the spans are current there. One observer follows all operators of a process. Hooks may be
    called from any thread.

    Args:
        tracer_provider: where spans go; default: OpenTelemetry's global one, also if that is set
            later.
        meter_provider: where metrics go; default: likewise.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider

    @hookimpl
    def smoothop_around_dispatch(self, worker: Worker) -> AbstractContextManager[object]:
        """Return a `send` span, current while the message is put into the mailbox.

        Raises:
            ValueError: an environment variable says what it must not.
        """
        return self._telemetry.send(worker.name)

    @hookimpl
    def smoothop_around_handle(
        self, worker: Worker, ctx: Context | AsyncContext
    ) -> AbstractContextManager[object] | None:
        """Return a `process` span, current in the handler, if there is a message.

        Raises:
            ValueError: an environment variable says what it must not.
        """
        telemetry = self._telemetry
        # Either may be None: the message, or its context if it was sent before plugins followed.
        if ctx.sender_context is not None or ctx.message is not None:
            return telemetry.process(worker.name, ctx.sender_context)
        return telemetry.poll(worker.name) if telemetry.settings.traces_polls else None

    @cached_property
    def _telemetry(self) -> Telemetry:
        # Not imported above: commands that run no worker do not pay for OpenTelemetry. Two threads
        # that come here at once each make one; instruments of the same name are the same metric.
        from smoothop_opentelemetry.settings import read_settings  # noqa: PLC0415
        from smoothop_opentelemetry.telemetry import Telemetry  # noqa: PLC0415

        return Telemetry(read_settings(os.environ), self._tracer_provider, self._meter_provider)
