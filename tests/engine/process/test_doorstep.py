"""A message is handed to an idle child by whoever sends it."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from support.gates import DEADLINE

from smoothop.engine import operator
from smoothop.engine.messages.receipt import Receipt
from smoothop.engine.runners import process
from smoothop.engine.runners.process import wire
from smoothop.engine.runners.process.bell import Bell
from smoothop.engine.runners.process.orders import Order, is_light
from smoothop.engine.worker import slot
from smoothop.engine.worker.supervision import Supervision

HANDED_OVER_BY = (str(Path(process.__file__).parent), slot.__file__)


@pytest.mark.parametrize(
    "message",
    [None, 1, 2.5, True, b"x" * 1024, "text", (), ("echo", 1), [1, None], {"key": b"value"}],
)
def test_little_of_plain_types_is_light(message):
    assert is_light(message)


class Number(int):
    """Not plain: pickling it may run what it defines."""


@pytest.mark.parametrize(
    "message",
    [
        b"x" * 20_000,
        "x" * 20_000,
        (b"x" * 20_000,),
        [0] * 20,
        dict.fromkeys(range(20)),
        ((1,),),
        {"key": [1]},
        {(1,): 1},
        {1},
        Number(1),
        object(),
    ],
    ids=lambda message: f"{type(message).__name__} {len(repr(message))}",
)
def test_much_or_what_may_run_code_is_not(message):
    assert not is_light(message)


# -- an order


def test_an_order_that_is_begun_is_sent_once_and_whole(ends):
    one, other = ends
    order = Order(wire.HANDLE, b"x" * 5_000_000)
    order.send_what_goes(one)
    assert not order.is_sent
    received = []
    reader = threading.Thread(target=lambda: received.append(wire.Link(other).receive()))
    reader.start()
    order.send_the_rest(one)
    reader.join(DEADLINE)
    assert received == [(wire.HANDLE, b"x" * 5_000_000)]


def test_one_that_does_not_go_at_all_waits_for_nothing(ends):
    one, _ = ends
    filling = Order(wire.HANDLE, bytes(5_000_000))
    filling.send_what_goes(one)
    order = Order(wire.HANDLE, b"")
    with pytest.raises(BlockingIOError):
        order.send_what_goes(one)
    assert not order.is_sent


# -- from thread to thread


class Told:
    """Says, when it is pickled, on which thread."""

    def __reduce__(self):
        return tuple, (["echo", threading.current_thread().name],)


def test_what_runs_code_when_it_is_pickled_does_so_on_the_workers_thread(op, add):
    add()
    assert op.dispatch("w", ("echo",)).result(DEADLINE) == ()
    assert op.dispatch("w", Told()).result(DEADLINE) == ("smoothop-w",)


def test_one_that_was_handed_over_and_never_read_goes_to_the_next_child(op, add, ask):
    add()
    pid = ask("facts")[-1]
    os.kill(pid, signal.SIGSTOP)
    receipt = op.dispatch("w", ("facts",))
    os.kill(pid, signal.SIGKILL)
    assert receipt.result(DEADLINE)[-1] != pid


def cpu_time_of(name):
    """Return the seconds of processor that the thread of that name has used."""
    (thread,) = [one for one in threading.enumerate() if one.name == name]
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def test_an_idle_child_may_log_and_what_it_says_is_written_in_time(add, ask, caplog, tmp_path):
    add()
    add("other")
    pid = ask("facts")[-1]
    fifo = tmp_path / "logged"
    os.mkfifo(fifo)
    ask("log_on", signal.SIGUSR1, str(fifo))
    os.kill(pid, signal.SIGUSR1)
    fifo.read_bytes()
    before, began = cpu_time_of("smoothop-w"), time.process_time()
    for _ in range(300):
        ask("echo", worker="other")
    assert cpu_time_of("smoothop-w") - before < 0.2 * (time.process_time() - began)
    assert ask("echo", 1) == (1,)
    assert ask("echo", 2) == (2,)
    assert "on a signal" in caplog.messages


# -- interrupted


class Interruption:
    """Raises a KeyboardInterrupt at one of the steps in which a message is handed over.

    It comes where the interpreter looks for one: when a function begins, and after a call.

    Attributes:
        was_late: whether there are fewer steps than that.
    """

    def __init__(self, at):
        self._left = at
        self.was_late = False

    def __call__(self, frame, event, _):
        code = frame.f_code
        if event == "c_call" or not code.co_filename.startswith(HANDED_OVER_BY):
            return
        if code.co_name == "wake":  # all of it is in what it calls
            return
        self._left -= 1
        if self._left < 0:
            sys.setprofile(None)
            raise KeyboardInterrupt
        self.was_late = self.was_late or (code.co_name == "give" and event == "return")


def interrupted(at, call):
    """Make the call with an interruption; tell whether that came."""
    while True:
        interruption = Interruption(at)
        sys.setprofile(interruption)
        try:
            receipt = call()
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        if interruption.was_late:
            return False
        # Nothing was handed over: the worker did not sleep yet. Nor would it ever, if it were sent
        # one message after the other until its mailbox is full.
        receipt.result(DEADLINE)


class Noted(Receipt):
    """A receipt that is not lost when its sender is interrupted."""

    made: ClassVar = []

    def __init__(self, *made_of):
        super().__init__(*made_of)
        self.made.append(self)


def test_a_sender_that_is_interrupted_at_any_step_harms_nobody(op, add, ask, monkeypatch):
    monkeypatch.setattr(operator, "Receipt", Noted)
    monkeypatch.setattr(Noted, "made", [])
    worker = add()
    (before, _), at, sent = ask("count"), 0, []

    def send():
        sent.append(op.dispatch("w", ("echo",)))
        return sent[-1]

    while interrupted(at, send):
        (handled, _) = ask("count")
        assert handled - before - len(sent) in (1, 2), f"step {at}"
        before, at = handled, at + 1
        assert all(receipt.result(DEADLINE) == () for receipt in sent)
        assert all(receipt.done() for receipt in Noted.made), f"step {at}"
        sent.clear()
    assert at > 20
    assert worker.snapshot().panics == 0
    assert worker.snapshot().starts == 1


def test_what_is_wanted_besides_a_message_is_found_out_on_the_workers_thread(op, add, monkeypatch):
    # Who is interrupted in the middle of that would take it to his grave: the flag is taken back.
    lies_down, listen, looked = threading.Event(), Bell.listen, []
    look = Supervision.looked_up

    def listening(bell, ear):
        lies_down.set()
        return listen(bell, ear)

    def looking(*how, **more):
        looked.append(threading.current_thread().name)
        return look(*how, **more)

    monkeypatch.setattr(Bell, "listen", listening)
    monkeypatch.setattr(Supervision, "looked_up", looking)
    add()
    for call in (op.pause, op.resume, op.stop):
        assert lies_down.wait(DEADLINE)
        lies_down.clear()
        call("w")
    op.stop("w").result(DEADLINE)
    assert set(looked) == {"smoothop-w"}
    assert len(looked) >= 3
