"""`ChildReceipt`: what a handler in a child holds of a message it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smoothop._durations import Duration, seconds
from smoothop.engine.runners.process.requests import DELIVERY, OUTCOME, STATE

if TYPE_CHECKING:
    from smoothop.engine.runners.process.inside.messenger import Messenger, Reply


class ChildReceipt:
    """Does what a `Receipt` does, by asking the parent, which has that.

    Not awaitable: there are no async handlers in child processes.
    """

    __slots__ = ("__weakref__", "_messenger", "_number", "_outcome", "_worker")

    def __init__(self, messenger: Messenger, worker: str, number: int) -> None:
        self._messenger = messenger
        self._worker = worker
        self._number = number
        self._outcome: Reply | None = None

    def __repr__(self) -> str:
        return f"<ChildReceipt worker={self._worker!r} {self._number}>"

    def __del__(self) -> None:
        self._messenger.forget(self._number)

    @property
    def delivered(self) -> bool:
        """``True`` once the handler has been given the message."""
        return self._state()[0]

    def done(self) -> bool:
        """Tell whether there is an outcome."""
        return self._outcome is not None or self._state()[1]

    def wait_delivered(self, timeout: Duration | None = None) -> bool:
        """See `Receipt.wait_delivered`."""
        limit = None if timeout is None else seconds(timeout, "timeout")
        try:
            delivered: bool = self._messenger.ask(DELIVERY, self._number, timeout=limit).get()
        except TimeoutError:
            return self.delivered
        return delivered

    def result(self, timeout: Duration | None = None) -> Any:
        """See `Receipt.result`."""
        limit = None if timeout is None else seconds(timeout, "timeout")
        if self._outcome is None:
            self._outcome = self._ask(limit)
        return self._outcome.get()

    def _ask(self, limit: float | None) -> Reply:
        try:
            return self._messenger.ask(OUTCOME, self._number, limit is None, timeout=limit)
        except TimeoutError:
            text = f"no outcome from worker {self._worker} within {limit:g} seconds"
            raise TimeoutError(text) from None

    def _state(self) -> tuple[bool, bool]:
        state: tuple[bool, bool] = self._messenger.ask(STATE, self._number).get()
        return state
