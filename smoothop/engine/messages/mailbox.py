"""`Mailbox`: the messages that wait for a worker, who waits to send more, and who sleeps.

The mailbox outlives every run of its worker, so messages wait through a stop, a restart and a new
config. Its lock is the worker's only one; whatever it guards takes a few steps and calls nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from smoothop.engine.waiting import Wakeable

if TYPE_CHECKING:
    from smoothop.engine.messages.receipt import Receipt
    from smoothop.engine.worker.news import WorkerNews
    from smoothop.errors import SmoothopError

Refusal = Callable[[], "SmoothopError"]


# In place of a queue that was never needed: most workers get no messages, and an empty deque takes
# 760 bytes. It can hold nothing, so whoever adds makes one first.
_NOBODY: Final[deque[Any]] = deque(maxlen=0)


class Sleeper(Protocol):
    """Who sleeps: a slot."""

    @property
    def waiter(self) -> Wakeable:
        """Who is to be woken."""
        ...

    @property
    def for_message(self) -> bool:
        """Whether a message ends the sleep."""
        ...


class Sender:
    """A dispatcher that waits for room; what becomes of its message is settled under the lock."""

    __slots__ = ("accepted", "receipt", "refusal", "waiter")

    def __init__(self, receipt: Receipt, waiter: Wakeable) -> None:
        self.receipt = receipt
        self.waiter = waiter
        self.accepted = False
        self.refusal: Refusal | None = None


class Mailbox:
    """A bounded queue of receipts; first come, first served, for messages and for senders.

    Attributes:
        accepted_at: monotonic time of the latest message; 0 if an event came after it.
        refusal: makes the error for whoever comes after the worker was retired; its starts are
            refused by it as well, so that both end at the same moment.
    """

    __slots__ = (
        "_core",
        "_monotonic",
        "accepted_at",
        "lock",
        "queue",
        "refusal",
        "senders",
        "size",
        "sleepers",
    )

    def __init__(self, core: WorkerNews, size: int) -> None:
        """Make an empty mailbox for `core`, whose lock it shares, for `size` messages."""
        self._core = core
        self._monotonic = core.machine.monotonic
        self.lock = core.lock
        self.size = size
        self.accepted_at = 0.0
        self.queue: deque[Receipt] = _NOBODY
        self.senders: deque[Sender] = _NOBODY
        self.sleepers: tuple[Sleeper, ...] = ()
        self.refusal: Refusal | None = None

    # -- the dispatcher's side

    def offer(self, receipt: Receipt) -> bool:
        """Accept the message if there is room and nobody waits before it.

        Raises:
            SmoothopError: the mailbox takes no messages any more.
        """
        with self.lock:
            if self.refusal is not None:
                raise self.refusal()
            if self.senders or len(self.queue) >= self.size:
                return False
            # As `_accept` does: a call less for each message.
            receipt.accepted_at = self.accepted_at = self._monotonic()
            if self._core.audience.dispatch:
                self._core.accepted()
            if self.queue is _NOBODY:
                self._need_queue()
            self.queue.append(receipt)
            sleeper = self._taken_sleeper() if self.sleepers else None
        if sleeper is not None:
            sleeper.wake()
        return True

    def queue_up(self, sender: Sender) -> None:
        """Let `sender` wait for room; accept at once if there is some by now."""
        with self.lock:
            sender.refusal = self.refusal
            if sender.refusal is not None:
                return
            if self.senders is _NOBODY:
                self.senders = deque()
            self.senders.append(sender)
            self._admit()
            sleeper = self._taken_sleeper() if self.queue and self.sleepers else None
        if sleeper is not None:
            sleeper.wake()

    def withdraw(self, sender: Sender) -> bool:
        """Stop waiting; ``False`` when the message has been accepted in the meantime."""
        with self.lock:
            if sender in self.senders:
                self.senders.remove(sender)
            return not sender.accepted

    # -- the worker's side

    def take(self) -> Receipt | None:
        """Return the next message and let the next sender in.

        Takes the lock only if somebody waits for room: a deque gives each item to one taker. A
        sender lines up and then looks for room, and here room is made before the look at who
        waits: whatever the order, one of them sees the other.
        """
        try:
            receipt = self.queue.popleft()
        except IndexError:
            return None
        if self.senders:
            with self.lock:
                self._admit()
        return receipt

    def lie_down(self, sleeper: Sleeper) -> bool:
        """Register a sleeper, with the lock, unless a message it would wake for is there."""
        # First: an object that is collected meanwhile may send a message.
        self.sleepers = (*self.sleepers, sleeper) if self.sleepers else (sleeper,)
        if sleeper.for_message and self.queue:
            self._forget(sleeper)
            return False
        return True

    def get_up(self, sleeper: Sleeper) -> None:
        """Forget a sleeper."""
        if not self.sleepers:  # no lock: who woke it has forgotten it, for good
            return
        with self.lock:
            if sleeper in self.sleepers:
                self._forget(sleeper)

    # -- the owner's side

    def resize(self, size: int) -> None:
        """Change how many messages may wait; those that wait already stay."""
        with self.lock:
            self.size = size
            self._admit()

    def refuse(self, refusal: Refusal) -> None:
        """Accept nothing from now on; whoever waits for room is refused as well."""
        with self.lock:
            self.refusal = refusal
            senders = list(self.senders)
            self.senders.clear()
            for sender in senders:
                sender.refusal = refusal
        for sender in senders:
            sender.waiter.wake()

    def wake_all(self) -> None:
        """Wake every sleeper, whatever it sleeps for."""
        with self.lock:
            waiters = [sleeper.waiter for sleeper in self.sleepers]
            self.sleepers = ()
        for waiter in waiters:
            waiter.wake()

    # -- under the lock

    def _admit(self) -> None:
        while self.senders and len(self.queue) < self.size:
            sender = self.senders.popleft()
            self._accept(sender.receipt)
            sender.accepted = True
            sender.waiter.wake()

    def _accept(self, receipt: Receipt) -> None:
        receipt.accepted_at = self.accepted_at = self._monotonic()
        if self._core.audience.dispatch:  # first: once it is in the queue, it may be handled
            self._core.accepted()
        if self.queue is _NOBODY:
            self._need_queue()
        self.queue.append(receipt)

    def _need_queue(self) -> None:
        """Make the queue for the first message."""
        made: deque[Receipt] = deque()
        # A signal handler that sends a message to this worker may have come in between, up to here
        # but not between the next two steps: nothing is called there.
        if self.queue is _NOBODY:
            self.queue = made

    def _taken_sleeper(self) -> Wakeable | None:
        for sleeper in self.sleepers:
            if sleeper.for_message:
                self._forget(sleeper)
                return sleeper.waiter
        return None

    def _forget(self, sleeper: Sleeper) -> None:
        if len(self.sleepers) == 1 and self.sleepers[0] is sleeper:  # as mostly
            self.sleepers = ()
        else:
            self.sleepers = tuple(other for other in self.sleepers if other is not sleeper)
