"""`Carrier`: a thread of the pool; it drives one slot after another."""

from __future__ import annotations

import logging
import threading
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING

from smoothop.engine import logs
from smoothop.engine.waiting import Waiter

if TYPE_CHECKING:
    from smoothop.engine.machine import Thread
    from smoothop.engine.runners.pool.pool import Pool
    from smoothop.engine.runners.pool.runner import PoolRunner


class Carrier:
    """One thread of the pool.

    Attributes:
        name: that of the thread.
        ident: identity of the thread, once it runs.
        waiter: what it waits on while there is nothing to do.
        runner: the slot it is with.
        turns: how often it has come back from a slot.
        coming: it was called up, and has not come yet.
    """

    __slots__ = ("_pool", "coming", "ident", "name", "runner", "thread", "turns", "waiter")

    def __init__(self, pool: Pool, number: int) -> None:
        self._pool = pool
        self.name = f"smoothop-pool-{number}"
        self.waiter = Waiter(pool.machine)
        self.ident: int | None = None
        self.runner: PoolRunner | None = None
        self.thread: Thread | None = None
        self.turns = 0
        self.coming = True

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the system gives no further thread.
        """
        self.thread = self._pool.machine.spawn(self._run, self.name)

    def _run(self) -> None:
        self.ident = threading.get_ident()
        goes_on = True
        while goes_on:
            variables = VariableContext()
            goes_on = variables.run(self._drive_in, variables)

    def _drive_in(self, variables: VariableContext) -> bool:
        """Drive slots until one has set some of these `variables`; ``False``: it is to end."""
        while (runner := self._pool.take(self)) is not None:
            try:
                runner.ride(variables)
            except BaseException as error:  # noqa: BLE001 - the engine failed: the others need this thread
                logs.write(
                    self._pool.logger, logging.ERROR, "a thread of the pool failed", cause=error
                )
            if variables:  # its slot keeps them: out of them, before another carrier enters them
                return True
        return False
