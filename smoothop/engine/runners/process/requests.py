"""What a handler asks of the parent through its context, as it goes over the wire."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

DISPATCH: Final = "dispatch"
"""Send a message: ``(name, pickled message, timeout)``; answered when it is in the mailbox.

Its receipt has the number of this request."""

STATE: Final = "state"
"""``(receipt,)``; answered with ``(whether it is delivered, whether there is an outcome)``."""

DELIVERY: Final = "delivery"
"""``(receipt,)``; answered when it is delivered or never will be: whether it is."""

OUTCOME: Final = "outcome"
"""``(receipt, whether without limit)``; answered when there is an outcome, with that."""

GIVE_UP: Final = "give up"
"""``(number of the request,)``: nobody waits for that answer any longer; not answered."""


class Request(NamedTuple):
    """One request.

    Attributes:
        number: counts the requests of one child; a receipt has the number of its dispatch.
        what: one of the above.
        arguments: what stands there.
        by_handler: whether the thread that handles asks, not one the handler has started.
        forgotten: receipts that nobody in the child holds any more.
    """

    number: int
    what: str
    arguments: tuple[Any, ...]
    by_handler: bool
    forgotten: tuple[int, ...]
