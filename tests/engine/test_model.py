"""Promise 1 (and 5, the limit): a model of the operator with a ledger of every receipt.

Hypothesis calls a real operator, with real threads or a real loop, in any order. The model knows
what each accepted message must come to; after each step no receipt may say anything else, and at
the end each has exactly one outcome.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.gates import DEADLINE, Gate
from support.ways import OWN_WAYS, Way

import smoothop
from smoothop import (
    Config,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    MessageDroppedError,
    Operator,
    OperatorClosedError,
    WorkerNotFoundError,
    done,
    fail,
    none,
)

NAMES = ("a", "b")
KINDS = ("done", "none", "fail", "panic", "wrong", "hold")
LIMIT = 4
SIZE = 5


class PanickedError(Exception):
    """What a handler of the model raises."""


@dataclass
class Order:
    """A message: what the handler is to do with it, and how often it was given it."""

    kind: str
    number: int
    given: int = 0
    go_on: Gate = field(default_factory=Gate)
    taken: Gate = field(default_factory=Gate)


@dataclass
class Entry:
    """A line of the ledger."""

    order: Order
    receipt: smoothop.Receipt


@dataclass
class Model:
    """What is known of a worker."""

    runs: bool = False
    queue: list[Entry] = field(default_factory=list)
    panics: int = 0
    holding: Entry | None = None
    stop: Any = None
    again: bool = False


class Ledger(RuleBasedStateMachine):
    """The operator and its model, step by step."""

    way: Way

    def __init__(self) -> None:
        super().__init__()
        self.block = contextlib.ExitStack()
        self.op: Operator = self.block.enter_context(self.way.operator())
        self.models: dict[str, Model] = {}
        self.ledger: list[tuple[Entry, str]] = []  # settled, and how it must have been
        self.numbers = 0

    @initialize()
    def add_both(self) -> None:
        for name in NAMES:
            self.add(name)

    # -- calls

    @rule(name=st.sampled_from(NAMES))
    def add(self, name: str) -> None:
        if name in self.models:
            with pytest.raises(smoothop.WorkerExistsError):
                self.op.add_handler(name, self.way.handler(self._handle))
            return
        config = Config(
            message_only=True,
            panic_backoff=1e-6,
            max_panic_attempts=LIMIT,
            mailbox_size=SIZE,
            stop_grace=DEADLINE,
        )
        self.op.add_handler(name, self.way.handler(self._handle), config)
        self.models[name] = Model()

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        model = self.models.get(name)
        if model is None:
            with pytest.raises(WorkerNotFoundError):
                self.op.remove_handler(name)
            return
        removed = self.op.remove_handler(name)
        self._let_go(model)
        removed.result(DEADLINE)
        self.ledger += [(entry, "dropped") for entry in model.queue]
        del self.models[name]

    @rule(name=st.sampled_from(NAMES))
    def start(self, name: str) -> None:
        model = self.models.get(name)
        if model is None:
            with pytest.raises(WorkerNotFoundError):
                self.op.start(name)
            return
        self.op.start(name)
        if model.stop is not None:
            model.again = True
        elif not model.runs:
            self._runs(name, model)

    @rule(name=st.sampled_from(NAMES))
    def stop(self, name: str) -> None:
        model = self.models.get(name)
        if model is None:
            with pytest.raises(WorkerNotFoundError):
                self.op.stop(name)
            return
        stopped = self.op.stop(name)
        model.again = False
        if model.holding is not None:
            assert not stopped.done()
            model.stop = stopped
        else:
            stopped.result(DEADLINE)
            model.runs = False

    @rule(name=st.sampled_from(NAMES))
    def update(self, name: str) -> None:
        model = self.models.get(name)
        if model is None:
            with pytest.raises(WorkerNotFoundError):
                self.op.update_config(name, critical=True)
            return
        again = model.runs and (model.stop is None or model.again)
        changed = self.op.update_config(name, critical=True)
        self._let_go(model)
        changed.result(DEADLINE)
        model.runs = False
        if again:
            self._runs(name, model)

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(KINDS))
    def dispatch(self, name: str, kind: str) -> None:
        self.numbers += 1
        order = Order(kind, self.numbers)
        model = self.models.get(name)
        if model is None:
            with pytest.raises(WorkerNotFoundError):
                self.op.dispatch(name, order)
        elif len(model.queue) >= SIZE:
            with pytest.raises(DispatchTimeoutError):
                self.op.dispatch(name, order, timeout=0)
        else:
            model.queue.append(Entry(order, self.op.dispatch(name, order)))
            if model.runs and model.holding is None:
                self._work_off(name, model)

    @precondition(lambda self: any(model.holding for model in self.models.values()))
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        holding = [name for name, model in self.models.items() if model.holding]
        name = data.draw(st.sampled_from(holding))
        model = self.models[name]
        stop, again = model.stop, model.again
        self._let_go(model)
        if stop is not None:
            stop.result(DEADLINE)
            model.runs = False
            if again:
                self._runs(name, model)
        else:
            self._work_off(name, model)

    # -- what must hold

    @invariant()
    def the_settled_stay_settled(self) -> None:
        for entry, how in self.ledger:
            assert _outcome(entry) == (how, entry.order.given)

    @invariant()
    def what_waits_has_no_outcome(self) -> None:
        for name, model in self.models.items():
            for entry in model.queue:
                assert not entry.receipt.done()
                assert not entry.receipt.delivered
                assert entry.order.given == 0
            if model.holding is not None:
                assert not model.holding.receipt.done()
                assert model.holding.receipt.delivered
            worker = self.op.worker(name)
            snapshot = worker.snapshot()
            assert snapshot.mailbox_depth == len(model.queue)
            assert snapshot.status == ("running" if model.runs else "stopped")

    def teardown(self) -> None:
        for name, model in self.models.items():
            if model.holding is not None:
                self.op.stop(name)  # or it might take another message when it is let go
                model.holding.order.go_on.open()
        self.block.close()
        for model in self.models.values():
            if model.holding is not None:
                self.ledger.append((model.holding, "done"))
            self.ledger += [(entry, "dropped") for entry in model.queue]
        for entry, how in self.ledger:
            assert entry.receipt.done()
            assert _outcome(entry) == (how, entry.order.given)
            assert entry.order.given == (how != "dropped")
        with pytest.raises(OperatorClosedError):
            self.op.dispatch("a", None)

    # -- inside

    async def _handle(self, ctx: Any) -> Any:
        order = ctx.message
        order.given += 1
        order.taken.open()
        if order.kind == "hold":
            await self.way.passed(order.go_on)
        if order.kind == "panic":
            raise PanickedError(order.number)
        results = {"none": none, "fail": lambda: fail(PanickedError(order.number)), "wrong": object}
        return results.get(order.kind, lambda: done(order.number))()

    def _runs(self, name: str, model: Model) -> None:
        model.runs, model.panics = True, 0
        self._work_off(name, model)

    def _work_off(self, name: str, model: Model) -> None:
        """Let the worker come as far as it can, and the model with it."""
        while model.queue and model.runs:
            entry = model.queue.pop(0)
            entry.order.taken.wait()
            if entry.order.kind == "hold":
                model.holding = entry
                return
            how = {"panic": "panicked", "wrong": "panicked", "fail": "failed"}
            self._settled(entry, how.get(entry.order.kind, "done"))
            model.panics += how.get(entry.order.kind) == "panicked"
            if model.panics == LIMIT:
                self.op.stop(name).result(DEADLINE)  # it stops by itself: this waits for it
                assert self.op.worker(name).phase == "failed"
                model.runs = False

    def _let_go(self, model: Model) -> None:
        entry, model.holding = model.holding, None
        model.stop, model.again = None, False
        if entry is not None:
            entry.order.go_on.open()
            self._settled(entry, "done")

    def _settled(self, entry: Entry, how: str) -> None:
        with contextlib.suppress(smoothop.SmoothopError):
            entry.receipt.result(DEADLINE)
        self.ledger.append((entry, how))


def _outcome(entry: Entry) -> tuple[str, int]:
    """Return what came of a message, after a look at the value or the cause that came with it."""
    how, came = "done", None
    right: Any = None if entry.order.kind == "none" else entry.order.number
    try:
        came = entry.receipt.result(0)
    except HandlerPanickedError as error:
        how, came = "panicked", type(error.__cause__)
        right = TypeError if entry.order.kind == "wrong" else PanickedError
    except HandlerFailedError as error:
        how, came = "failed", error.__cause__.args[0]
    except MessageDroppedError:
        how, came = "dropped", right
    assert came == right
    return how, entry.order.given


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="smoothop")  # tens of thousands of panics


@pytest.mark.parametrize("way", OWN_WAYS, ids=lambda way: way.name)
def test_every_accepted_message_gets_exactly_one_outcome(way):
    machine = type("Ledger", (Ledger,), {"way": way})
    # Not shrunk: a history that fails by a deadline would be repeated for many minutes.
    chosen = settings(stateful_step_count=30, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=chosen)
