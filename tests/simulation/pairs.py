"""Two callers collide (promise 2): what comes out must be what some order of their calls gives.

The calls are made at the same moment with the threads switched line by line. A model of a few
lines says what each call answers and changes, if the calls came one after the other; the
results and the end state of the real operator must be those of one of the possible orders.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, NamedTuple

from smoothop import Config, HandleResult, Operator, SmoothopError, done, none
from smoothop.engine.messages.receipt import Receipt
from smoothop.testing import SimMachine, Style
from smoothop.testing.carriers import Carriers

CALLS = (
    *("dispatch", "start", "stop", "restart", "turn", "update", "remove", "add", "close"),
    *("pause", "resume", "scale"),
)
STEPS = {"restart": ("stop", "start"), "turn": ("ask", "start")}
STEPS_OF_CLOSE = {"close": ("closing", "close")}


class State(NamedTuple):
    """The worker, as the model sees it."""

    exists: bool = True
    leaving: bool = False  # removed, but perhaps not forgotten yet
    running: bool = False
    closing: bool = False  # takes no new worker; those there are follow one by one
    closed: bool = False
    size: int = 8
    slots: int = 1
    paused: bool = False
    bomb: bool = False  # a message waits at which the worker will stop by its panic limit
    in_hand: bool = False  # the pause came when that message was maybe being handled already


Answer = tuple[State, str]


def answers(state: State, call: str) -> Iterator[Answer]:
    """Yield what `call` may answer and leave behind in `state`."""
    if call == "crash":
        if state.running and state.bomb and (state.in_hand or not state.paused):
            yield state._replace(running=False, bomb=False, in_hand=False), ""
        return
    if call == "closing":
        yield state._replace(closing=True), ""
        return
    if state.closed:
        yield state, "ok" if call == "close" else "OperatorClosedError"
        if call in ("stop", "ask", "remove", "resume"):  # while it closes these still answer
            yield state, "ok" if state.exists else "WorkerNotFoundError"
    elif call == "close":
        yield state._replace(closed=True, running=False, bomb=False), "ok"
    elif call == "add":
        if state.closing:
            yield state, "OperatorClosedError"
        elif state.exists:
            yield state, "WorkerExistsError"
        else:
            yield State(), "ok"
            if state.leaving:
                yield state, "WorkerExistsError"
    elif not state.exists:
        yield state, "WorkerNotFoundError"
        if state.leaving and call in ("remove", "stop", "ask", "resume"):
            yield state, "ok"
    else:
        yield _answer(state, call), "ok"
        if state.bomb and state.running and call in ("stop", "ask", "update"):
            # What goes wrong because it was asked to stop is no panic.
            yield _answer(state._replace(bomb=False), call), "ok"


def _answer(state: State, call: str) -> State:
    changes: dict[str, dict[str, Any]] = {
        "dispatch": {},
        "start": {"running": True},
        "stop": {"running": False, "in_hand": False},
        "ask": {"running": False, "in_hand": False},  # a stop that nobody waits for
        "update": {"size": 9},
        "scale": {"slots": 2},
        "pause": {
            "paused": True,
            "in_hand": state.in_hand if state.paused else state.running and state.bomb,
        },
        "resume": {"paused": False},
        "remove": {"exists": False, "leaving": True, "running": False, "bomb": False},
    }
    return state._replace(**changes[call])


def outcomes(state: State, one: tuple[str, ...], two: tuple[str, ...]) -> set[Any]:
    """Return every ``(answers of one, answers of two, end state)`` that some order gives."""
    one, two = _in_steps(one), _in_steps(two)
    found = set()
    todo: list[tuple[State, int, int, tuple[str, ...], tuple[str, ...]]] = [(state, 0, 0, (), ())]
    while todo:
        now, i, j, ones, twos = todo.pop()
        if i < len(one):
            todo += [(then, i + 1, j, (*ones, a), twos) for then, a in answers(now, one[i])]
        if j < len(two):
            todo += [(then, i, j + 1, ones, (*twos, a)) for then, a in answers(now, two[j])]
        crashes = list(answers(now, "crash"))
        todo += [(then, i, j, ones, twos) for then, _ in crashes]
        is_at_rest = not crashes or now.paused  # what was not in hand at the pause stays
        if i == len(one) and j == len(two) and is_at_rest:
            found.add((tuple(filter(None, ones)), tuple(filter(None, twos)), visible(now)))
    return found


def _in_steps(calls: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(step for call in calls for step in STEPS_OF_CLOSE.get(call, (call,)))


def visible(state: State) -> State:
    """Return what of the end state can still be asked for."""
    if state.closed:
        return State(closed=True)
    if not state.exists:
        return State(exists=False)
    return state._replace(leaving=False, closing=False, bomb=False, in_hand=False)


class Collision:
    """One collision, drawn from a seed, on one machine."""

    def __init__(self, seed: int, carriers: Carriers) -> None:
        draw = Random(f"pair {seed}")
        pairs = [(a, b) for a in CALLS for b in CALLS]
        first, second = pairs[seed % len(pairs)]
        self.calls = (STEPS.get(first, (first,)), STEPS.get(second, (second,)))
        if draw.random() < 0.3:  # a third and fourth call
            self.calls = (
                *self.calls[:1],
                (*self.calls[1], draw.choice([call for call in CALLS if call not in STEPS])),
            )
        self.scaled = any("scale" in calls for calls in self.calls)
        self.is_async = draw.random() < 0.3
        self.run_in = draw.choice(("thread", "pool"))
        self.state = State(running=draw.random() < 0.6, bomb=draw.random() < 0.2)
        self.panicky = (
            not self.state.bomb and draw.random() < 0.15
        )  # in a backoff when they collide
        self.message_only = draw.random() < 0.5
        self.draw = draw
        self.machine = SimMachine(
            seed,
            Style(
                eager=draw.choice((0.3, 0.7, 1.0)),
                by_line=draw.choice((0.02, 0.1, 0.4)),
                lag=draw.choice((0, 0, 0.05)),
            ),
            carriers,
        )
        self.inside = 0
        self.panicked = 0
        self.handled: list[Any] = []
        self.numbers = count(1)
        self.receipts: list[Receipt] = []

    def run(self) -> None:
        """Let them collide.

        Raises:
            AssertionError: what came out is not the result of any order.
        """
        self.machine.run(self._main)

    def _main(self) -> None:
        machine = self.machine
        logger = Silent(machine)
        self.op = op = Operator(_machine=machine, logger=logger)
        self._add()
        if self.state.bomb:
            self._dispatch("bomb")
        if self.state.running:
            op.start("w")
            machine.sleep(0 if self.state.bomb else self.draw.choice((0, 0.01, 0.3)))
        answers = ([], [])
        callers = [
            machine.start(lambda n=n: self._caller(self.calls[n], answers[n]), f"caller{n}")
            for n in (0, 1)
        ]
        for caller in callers:
            caller.join()
        machine.sleep(100)
        end = self._end_state()
        seen = (tuple(answers[0]), tuple(answers[1]), end)
        machine.note(f"calls {self.calls} from {self.state}: {seen}")
        allowed = outcomes(self.state, *self.calls)
        assert seen in allowed, (
            f"{self.calls} from {self.state} gave {seen}, and no order of the calls does: {allowed}"
        )
        self._check_receipts(end)
        op.close()
        assert all(receipt.done() for receipt in self.receipts)

    def _caller(self, calls: tuple[str, ...], answers: list[str]) -> None:
        for call in calls:
            try:
                getattr(self, f"_{call}")()
                answers.append("ok")
            except SmoothopError as error:
                answers.append(type(error).__name__)

    # -- the calls

    def _dispatch(self, message: object = None) -> None:
        self.receipts.append(self.op.dispatch("w", message or next(self.numbers)))

    def _start(self) -> None:
        self.op.start("w")

    def _stop(self) -> None:
        self.op.stop("w").result()

    def _ask(self) -> None:
        self.op.stop("w")

    def _update(self) -> None:
        self.op.update_config("w", mailbox_size=9).result()

    def _scale(self) -> None:
        self.op.update_config("w", concurrency=2).result()

    def _pause(self) -> None:
        self.op.pause("w")

    def _resume(self) -> None:
        self.op.resume("w")

    def _remove(self) -> None:
        self.op.remove_handler("w").result()

    def _add(self) -> None:
        handler: Callable[..., Any] = self._handle_async if self.is_async else self._handle
        config = Config(
            max_panic_attempts=0 if self.panicky else 1,
            panic_backoff=0.2,
            message_only=self.message_only,
            mailbox_size=8,
            run_in=self.run_in,
        )
        self.op.add_handler("w", handler, config)

    def _close(self) -> None:
        self.op.close()

    # -- the handler

    def _handle(self, ctx: Any) -> HandleResult:
        self.inside += 1
        if self.inside > (2 if self.scaled else 1):
            self.machine.fail(AssertionError(f"{self.inside} handles at a time"))
        try:
            if ctx.message is not None:
                self.machine.sleep(0.01)
            return self._handled(ctx.message)
        finally:
            self.inside -= 1

    async def _handle_async(self, ctx: Any) -> HandleResult:
        self.inside += 1
        try:
            if ctx.message is not None:
                await ctx.wait(0.01)
            return self._handled(ctx.message)
        finally:
            self.inside -= 1

    def _handled(self, message: Any) -> HandleResult:
        if self.panicky and not self.panicked:
            self.panicked += 1
            raise RuntimeError("the first call")
        self.handled.append(message)
        if message == "bomb":
            raise RuntimeError("bomb")
        return none(0.3) if message is None else done(message)

    # -- afterwards

    def _end_state(self) -> State:
        op = self.op
        try:
            views = {view.name: view for view in op.workers()}
        except SmoothopError:
            assert not self.inside
            return State(closed=True)
        if "w" not in views:
            return State(exists=False)
        view = views["w"]
        running = view.status.value == "running"
        if not running:
            assert not self.inside
        return State(
            running=running,
            size=view.config.mailbox_size,
            slots=view.config.concurrency,
            paused=view.snapshot().paused_since is not None,
        )

    def _check_receipts(self, end: State) -> None:
        delivered = [message for message in self.handled if isinstance(message, int)]
        assert sorted(delivered) == sorted(set(delivered)), f"delivered twice: {delivered}"
        for receipt in self.receipts:
            if (end.running and not end.paused) or end.closed or not end.exists:
                assert receipt.done(), f"{receipt} has no outcome in {end}"


class Silent(logging.Logger):
    """A logger that only checks that nobody holds a lock while log handlers, user code, run."""

    def __init__(self, machine: SimMachine) -> None:
        super().__init__("simulation")
        self._machine = machine

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the standard library's name
        return True

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        machine = self._machine
        if machine.holds_locks():
            machine.fail(AssertionError(f"logs {msg!r} while it holds a lock"))
        machine.note(f"log {str(msg) % args}")
        machine.sleep(0)
