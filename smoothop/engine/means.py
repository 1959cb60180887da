"""`Means`: what the workers of one operator share, besides the operator itself."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from smoothop.engine.parking import Parking
from smoothop.engine.runners.pool.pool import Pool
from smoothop.engine.timers import Timers
from smoothop.engine.watching.watchdog import Watchdog
from smoothop.engine.worker.supervision import Policies
from smoothop.errors import OperatorClosedError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from smoothop.engine.machine import Machine
    from smoothop.engine.runners.loop.host import LoopHost
    from smoothop.engine.worker.core import WorkerCore

CLOSED = "the operator is closed"


class Means:
    """What the workers of one operator run with; safe from any thread.

    Threads and an event loop are there only while a worker needs them.

    Attributes:
        machine: what the engine asks of the machine.
        logger: where the operator's records go.
        policies: those of the configs.
        timers: call what is due later.
        parking: where a thread waits for an outcome.
        watchdog: tells which calls are stuck.
        host: has the event loop of the async workers, once there is one.
        pool: has the threads of the pool workers, once there is one.
    """

    def __init__(self, machine: Machine, logger: logging.Logger, pool_size: int) -> None:
        self.machine = machine
        self.logger = logger
        self.policies = Policies()
        self.timers = Timers(machine)
        self.parking = Parking(machine)
        self.watchdog = Watchdog(self)
        self.host: LoopHost | None = None
        self.pool: Pool | None = None
        self._pool_size = pool_size
        self._lock = machine.lock()
        self._is_closed = False

    def loop_host(self) -> LoopHost:
        """Return what has the event loop; makes one of the operator's own if there is none.

        Raises:
            OperatorClosedError: it is closed, so nobody would close the loop.
        """
        return self.host or self._made_host(None)

    def use_loop(self, loop: AbstractEventLoop) -> None:
        """Let async workers run on `loop`, unless there are some already, on another one."""
        self._made_host(loop)

    def shared_threads(self) -> Pool:
        """Return what has the threads for pool workers.

        Raises:
            OperatorClosedError: it is closed, so nobody would end the threads.
        """
        return self.pool or self._made_pool()

    def close(self, cores: Collection[WorkerCore], *, stuck: bool) -> None:
        """End what the operator owns of it.

        Args:
            cores: its workers; those that are still on the event loop then end with it.
            stuck: some worker did not stop.
        """
        self.parking.close()
        with self._lock:
            self._is_closed = True
        if self.host is not None:
            self.host.close(cores, stuck=stuck)
        if self.pool is not None:
            self.pool.close()

    def forked(self) -> None:
        """Know, in a forked child, that there are no threads."""
        self._lock = self.machine.lock()  # who held the other one is not in this process
        self._is_closed = True
        self.parking.forked()  # before anything is settled here, which would wake who waits
        if self.pool is not None:
            self.pool.forked()

    def _made_host(self, loop: AbstractEventLoop | None) -> LoopHost:
        from smoothop.engine.runners.loop.host import LoopHost  # noqa: PLC0415 - it imports asyncio

        with self._lock:
            self._refuse_closed()
            if self.host is None:
                self.host = LoopHost(self.machine, self.logger, loop)
            return self.host

    def _made_pool(self) -> Pool:
        with self._lock:
            self._refuse_closed()
            if self.pool is None:
                self.pool = Pool(self.machine, self.logger, self._pool_size)
            return self.pool

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise OperatorClosedError(CLOSED)
