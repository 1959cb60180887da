"""What assembling a worker has told about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from smoothop.assembly.describe import config_values
from smoothop.control.server.room import WorkerFacts

if TYPE_CHECKING:
    from smoothop.assembly.plan import PlannedWorker
    from smoothop.plugins.registry import Registry


def facts_of(workers: Iterable[PlannedWorker], registry: Registry) -> dict[str, WorkerFacts]:
    """Return worker's name -> what is known of it, for `ControlServer`."""
    return {worker.table.name: _facts(worker, registry) for worker in workers}


def _facts(worker: PlannedWorker, registry: Registry) -> WorkerFacts:
    info = worker.info
    return WorkerFacts(
        {name: value.origin for name, value in config_values(worker, registry).items()},
        {
            "name": info.name,
            "target": info.target,
            "distribution": info.distribution,
            "version": info.version,
        },
    )
