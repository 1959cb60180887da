"""`Worker`: the read-only view of a worker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from smoothop.engine.watching.streams import MetricStream, Ring, checked_kinds, checked_maxsize
from smoothop.engine.worker import snapshots
from smoothop.events import MetricEvent, Phase, Status, WorkerSnapshot

if TYPE_CHECKING:
    from smoothop.config import Config
    from smoothop.engine.worker.core import WorkerCore


class Worker:
    """Shows one worker; given by `Operator.add_handler` and `Operator.worker`.

    Everything may be read from any thread and never waits for the handler. The view stays valid,
    and shows a stopped worker, after the worker was removed or the operator closed.
    """

    __slots__ = ("__weakref__", "_core", "_last")

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self._last: snapshots.LastEvent | None = None

    def __repr__(self) -> str:
        return f"<Worker {self.name!r} {self.phase.value}>"

    @property
    def name(self) -> str:
        """The name it was added under."""
        return self._core.name

    @property
    def status(self) -> Status:
        """`Status.RUNNING` from the start until its code has really ended."""
        return snapshots.status(self._core)

    @property
    def config(self) -> Config:
        """The config in force, or to be in force after a restart that is under way."""
        return self._core.config

    @property
    def phase(self) -> Phase:
        """What it is doing now; see `Phase`."""
        return snapshots.phase(self._core)

    def metrics(self, *, maxsize: int = 1024, kinds: Iterable[str] | None = None) -> MetricStream:
        """Return a new stream of its events, from now until it stops; then the stream ends.

        Args:
            maxsize: how many events may wait to be read; beyond that the oldest is dropped.
            kinds: only these kinds of event; ``None``: all.

        Raises:
            ValueError: there is no such kind, or `maxsize` is not a whole number above 0.
        """
        core = self._core
        ring = Ring(core.machine, checked_maxsize(maxsize), checked_kinds(kinds))
        core.listen(ring)
        return MetricStream(core.machine, ring, core.unlisten)

    def last_metric(self) -> MetricEvent | None:
        """Return the most recent event, kept without any stream; ``None`` before the first."""
        if self._last is None:
            self._last = snapshots.LastEvent(self._core)
        return self._last.get()

    def snapshot(self) -> WorkerSnapshot:
        """Return everything known about it now, as plain data."""
        return snapshots.snapshot(self._core, self.last_metric())

    def stack(self) -> str:
        """Return where its code stands now, as the text of a traceback; of each slot, if several.

        That of an async handler ends at the line it waits at. It is that of one moment: the
        worker goes on meanwhile.
        """
        return self._core.stack()
