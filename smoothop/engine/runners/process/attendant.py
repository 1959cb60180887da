"""`Attendant`: the thread beside a child, through which everything goes but its orders.

It tells the child of a stop and makes it leave when it does not, runs its errands, writes the
records of threads its handler has started, asks it where it stands, sees it out at the end, and
reaps it.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from smoothop._durations import seconds
from smoothop.engine.alarm import Alarm, Nudge
from smoothop.engine.runners.process import records, wire
from smoothop.engine.runners.process.answers import unsendable
from smoothop.engine.runners.process.carried import arrived, carry
from smoothop.engine.runners.process.errands import Errands
from smoothop.engine.runners.process.escalation import LAST_CHANCE, Escalation, Force
from smoothop.engine.runners.process.exits import HAD_CLOSED
from smoothop.engine.waiting import Latch

if TYPE_CHECKING:
    from smoothop.engine.machine import Thread
    from smoothop.engine.runners.process.child import Child
    from smoothop.engine.runners.process.side import Side
    from smoothop.engine.worker.slot import Slot

PATIENCE: Final = 0.2
"""Seconds that a child has to say where it stands."""


_LAST_WORDS: Final = 1024
"""Pieces of what a dead child has said: 16 MiB, more than the system keeps for it."""

LONGEST_PAUSE: Final = 86_400.0
"""Seconds after which it looks again, whatever it waits for: `poll` refuses more than 24 days."""


class Attendant:
    """Attends to one child of a slot, from its start until it was reaped.

    Attributes:
        gone: set when the child has ended, was reaped, and everything it said was dealt with.
        thread: its thread.
        errands: what it does for the handler.
        teardown_is_told: whether it is known what became of its `teardown`.
    """

    def __init__(self, slot: Slot, child: Child, lost: Callable[[], None]) -> None:
        """Start the thread.

        Args:
            slot: whose handler lives in the child.
            child: just started.
            lost: called when the child has ended, on the attendant's thread.

        Raises:
            OSError: the system gives no further descriptor.
            RuntimeError: the system gives no further thread.
        """
        self.gone = Latch()
        self.teardown_is_told = False
        self._slot = slot
        self._core = slot.core
        self._machine = slot.core.machine
        self._child = child
        self._lost = lost
        self._grace = seconds(slot.run.config.stop_grace, "stop_grace")
        self._escalation = Escalation(self._grace)
        self._is_told = False
        self._ears: dict[Side, Callable[[int, bytes], None]] = {child.side: self._said_aside}
        self._wishes: deque[Callable[[], None]] = deque()
        self._stacks: deque[Callable[[str], None]] = deque()
        self._alarm = Alarm(self._machine.lock())
        self.errands = Errands(slot, self._reply, lambda: Nudge(self._alarm))
        try:
            name = f"smoothop-{slot.label}-child"
            self.thread: Thread = self._machine.spawn(self._run, name)
        except RuntimeError:
            self._alarm.close()
            raise

    # -- from any thread

    def see_out(self) -> None:
        """Let the child tear its handler down and leave; what it still says is dealt with here.

        To be called by who gives the orders, when none is being carried out; after the last.
        """
        self._wish(self._see_out)

    def stack(self) -> str:
        """Return where the handler stands, as the child says, as a traceback's text."""
        told: list[str] = []
        latch = Latch()

        def tell(text: str) -> None:
            told.append(text)
            latch.set()

        self._wish(lambda: self._ask_stack(tell))
        latch.wait(self._machine, PATIENCE)
        if told:
            return told[0]
        child = self._child
        return child.exit or child.dump() or child.exit or _no_answer(child.pid)

    def _wish(self, wish: Callable[[], None]) -> None:
        self._wishes.append(wish)
        self._alarm.wake()

    # -- on its thread

    def _run(self) -> None:
        stop = self._slot.run.stop
        stop.add(self._alarm)
        try:
            self._attend()
        except BaseException as error:  # noqa: BLE001 - the engine itself, or no memory
            self._core.broke(error)
        finally:
            stop.discard(self._alarm)
            self._child.reap()
            try:
                self._hear(_LAST_WORDS)
                self.errands.end()
            except BaseException as error:  # noqa: BLE001 - the same: somebody waits for the rest
                self._core.broke(error)
            self._child.side.close()
            self._alarm.close()
            self._lost()
            self.gone.set()

    def _attend(self) -> None:
        poll = select.poll()
        poll.register(self._alarm, select.POLLIN)
        if self._child.ended is not None:
            poll.register(self._child.ended, select.POLLIN)
        # Where the system has no such descriptor, a child that has closed its side has ended.
        while self._child.ended is not None or self._child.side in self._ears:
            for ear in self._ears:
                poll.register(ear, select.POLLIN | (select.POLLOUT if ear.waits_to_send else 0))
            ready = [descriptor for descriptor, _ in poll.poll(self._pause())]
            if self._child.ended in ready:
                return
            if self._alarm.fileno() in ready:
                self._alarm.hush()
            for ear in self._hear():
                poll.unregister(ear)
            self._work()

    def _pause(self) -> int | None:
        times = (self._escalation.pause(self._machine.monotonic()), self.errands.pause())
        soonest = min((time for time in times if time is not None), default=None)
        return None if soonest is None else ceil(min(soonest, LONGEST_PAUSE) * 1000)

    def _work(self) -> None:
        while self._wishes:
            self._wishes.popleft()()
        if self._slot.run.stopping and not self._is_told:
            self._is_told = True
            self._child.side.post(wire.STOP)
            self._escalation.asked(self._machine.monotonic())
        self._use(self._escalation.due(self._machine.monotonic()))
        self.errands.look()
        self._child.side.flush()

    def _use(self, force: Force | None) -> None:
        if force is None:
            return
        late = f"it did not leave within {self._grace:g} s of being asked"
        if force is Force.TERMINATE:
            self._core.log.warning("terminating child process", pid=self._child.pid, reason=late)
            self._child.side.post(wire.TERMINATE)
            return
        if force is Force.KILL:
            late += f", nor within {LAST_CHANCE:g} s of SIGTERM"
        else:
            late = f"{HAD_CLOSED}, and did not end within {LAST_CHANCE:g} s of that"
        self._core.log.warning("killing child process", pid=self._child.pid, reason=late)
        self.teardown_is_told = True
        self._child.kill(late)

    def _see_out(self) -> None:
        self._ears[self._child.see_out(stopping=self._slot.run.stopping)] = self._said_at_last
        self._escalation.asked(self._machine.monotonic())

    def _ask_stack(self, tell: Callable[[str], None]) -> None:
        self._stacks.append(tell)
        self._child.side.post(wire.SHOW_STACK)

    def _hear(self, pieces: int = 1) -> list[Side]:
        """Deal with what the child has said; return where it will say no more.

        A piece at a time, so that a child which never ends to speak keeps nobody waiting.
        """
        deaf = []
        for ear, said in list(self._ears.items()):
            try:
                for kind, body in ear.frames(pieces):
                    said(kind, body)
            except EOFError:
                deaf.append(ear)
                del self._ears[ear]
                self._escalation.unheard(self._machine.monotonic())
        return deaf

    def _said_aside(self, kind: int, body: bytes) -> None:
        if kind == wire.ASK:
            self.errands.run(wire.unpacked(body))
        elif kind == wire.LOGGED:
            records.write(body)
        elif kind == wire.STACK:
            self._stacks.popleft()(body.decode())

    def _said_at_last(self, kind: int, body: bytes) -> None:
        if kind == wire.LOGGED:
            records.write(body)
            return
        self.teardown_is_told = True
        if kind == wire.RAISED:
            self._core.teardown_failed(arrived(wire.unpacked(body)))

    def _reply(self, number: int, is_well: bool, value: Any) -> None:
        try:
            # Where it was raised here says nothing to who asked there; where its cause was, does.
            body = wire.packed(value if is_well else carry(value.with_traceback(None)))
        except BaseException as cause:  # noqa: BLE001 - pickling runs the code of the value's class
            is_well = False
            body = wire.packed(carry(unsendable("the outcome", value, cause)))
        self._child.side.post(wire.REPLY, wire.packed((number, is_well, body)))


def _no_answer(pid: int) -> str:
    return (
        f"(child process {pid} did not say within {PATIENCE:g} s where it stands: it has been "
        "stopped, holds the interpreter's lock in C code, or gets no processor time)"
    )
