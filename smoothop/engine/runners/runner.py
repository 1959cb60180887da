"""`Runner`: what a slot may have to tell who drives it."""

from __future__ import annotations

from typing import Protocol


class Runner(Protocol):
    """Drives a slot, where more than the slot's own flags must be told that it is to stop."""

    def asked_to_stop(self) -> None:
        """The worker was asked to stop; called from any thread, perhaps more than once."""
        ...

    def abandoned(self) -> None:
        """The slot was replaced: end its running call, if that can be done; from any thread."""
        ...
