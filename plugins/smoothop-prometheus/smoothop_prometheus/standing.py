"""How the workers stand at the moment of a scrape, put together by label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from smoothop import Operator, OperatorClosedError, Worker, WorkerSnapshot
from smoothop_prometheus.ledger import Figures, Ledger, restarts


@dataclass(slots=True)
class Standing:
    """What one value of the label ``worker`` stands for now: mostly one worker.

    They are several when two operators of the process have a worker of the same name, and for
    those above the limit. Then numbers are added up, so a state is how many are in it.
    """

    figures: Figures
    states: Counter[str] = field(default_factory=Counter)
    panics: int = 0
    restarts: int = 0
    mailbox_depth: int = 0
    mailbox_capacity: int = 0

    def add(self, worker: WorkerSnapshot) -> None:
        """Add a worker."""
        self.states[worker.phase] += 1
        self.panics += worker.panics
        self.restarts += restarts(worker)
        self.mailbox_depth += worker.mailbox_depth
        self.mailbox_capacity += worker.mailbox_size


def read(operators: Iterable[Operator], ledger: Ledger) -> list[Standing]:
    """Return how the workers stand now, in order of registration; never waits for a handler."""
    standings: dict[str, Standing] = {}
    for worker in (worker for operator in operators for worker in workers_of(operator)):
        label = ledger.label(worker.name)
        if label not in standings:
            figures = ledger.figures(worker.name)
            standings[label] = Standing(
                figures, panics=figures.panics_before, restarts=figures.restarts_before
            )
        standings[label].add(worker.snapshot())
    return list(standings.values())


def workers_of(operator: Operator) -> list[Worker]:
    """Return the workers of an operator, none if it is closed."""
    try:
        return operator.workers()
    except OperatorClosedError:
        return []
