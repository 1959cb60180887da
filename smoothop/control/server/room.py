"""`Room`: what the routes know of the operator they stand for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smoothop.control.answers import OperatorInfo
from smoothop.engine.operator import Operator
from smoothop.engine.worker.view import Worker
from smoothop.errors import OperatorClosedError, WorkerNotFoundError

if TYPE_CHECKING:
    from smoothop.control.server.table import Entry


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What is known of a worker from how it was assembled.

    Attributes:
        config_origins: field of the config -> where its value comes from.
        handler: which handler it runs and who brings it.
    """

    config_origins: Mapping[str, str]
    handler: Mapping[str, Any]


@dataclass(slots=True)
class Room:
    """An operator and how it may be looked into and steered.

    Attributes:
        operator: the operator.
        name: its name.
        version: of smoothop.
        read_only: whether every change is refused.
        facts: worker's name -> what else is known of it.
        end: ends the operator as SIGTERM does; ``None`` if that is the application's business.
        entries: the routes that there are.
        started_at: when the server was made, in seconds since the epoch.
        scaled: names of the workers whose concurrency was changed from here.
        readers: how many follow the events now.
        readers_dropped: how many were dropped because they did not read.
    """

    operator: Operator
    name: str
    version: str
    read_only: bool
    facts: Mapping[str, WorkerFacts]
    end: Callable[[], None] | None = None
    entries: Sequence[Entry] = ()
    started_at: float = field(default_factory=time.time)
    scaled: set[str] = field(default_factory=set)
    readers: int = 0
    readers_dropped: int = 0
    _last: list[Worker] = field(default_factory=list)

    def workers(self) -> list[Worker]:
        """Return all workers; after the operator's close those that it had."""
        try:
            self._last = self.operator.workers()
        except OperatorClosedError:
            pass
        return self._last

    def worker(self, name: str) -> Worker:
        """Return the worker of that name; after the operator's close, too.

        Raises:
            WorkerNotFoundError: there is none.
        """
        try:
            return self.operator.worker(name)
        except OperatorClosedError:
            for worker in self._last:
                if worker.name == name:
                    return worker
            raise WorkerNotFoundError(name) from None

    def info(self) -> OperatorInfo:
        """Return what the operator says of itself."""
        return OperatorInfo(
            name=self.name,
            pid=os.getpid(),
            version=self.version,
            started_at=self.started_at,
            state="stopping" if self.operator.is_closing else "running",
            workers=len(self.workers()),
            read_only=self.read_only,
            event_readers=self.readers,
            event_readers_dropped=self.readers_dropped,
        )

    def origins(self, name: str) -> dict[str, str] | None:
        """Return where the values of a worker's config come from, if that is known."""
        facts = self.facts.get(name)
        if facts is None:
            return None
        scaled = {"concurrency": "control"} if name in self.scaled else {}
        return {**facts.config_origins, **scaled}
