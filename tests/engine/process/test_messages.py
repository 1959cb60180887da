"""What goes between a worker and its child, and what cannot."""

import threading
from contextlib import contextmanager

import pytest
from support.gates import DEADLINE
from support.obedient import Fifo, Unreadable

from smoothop import Config, HandlerFailedError, HandlerPanickedError, MessageDroppedError, done
from smoothop.engine.runners.process import waits, wire


def failed(op, message):
    with pytest.raises(HandlerFailedError) as caught:
        op.dispatch("w", message).result(DEADLINE)
    assert isinstance(caught.value.__cause__, TypeError)
    return str(caught.value)


def test_a_message_that_cannot_be_pickled_fails_by_the_name_of_its_part_and_is_no_panic(
    op, add, ask
):
    worker = add()
    assert failed(op, ("echo", {"a": threading.Lock()})) == (
        "worker w: handler failed: the message, of type tuple, cannot be sent between processes: "
        "its item 'a' of item 1 cannot be pickled (TypeError: cannot pickle '_thread.lock' object)"
    )
    assert ask("count") == (1, 1)
    assert worker.snapshot().panics == 0


def test_a_message_that_cannot_be_read_in_the_child_fails_and_is_no_panic(op, add, ask):
    worker = add()
    assert "the message cannot be read in the other process (PlainError: not here)" in failed(
        op, ("echo", Unreadable())
    )
    assert ask("count") == (1, 1)
    assert worker.snapshot().panics == 0


def test_a_result_that_cannot_be_pickled_fails_by_the_name_of_its_part(op, add, ask):
    add()
    assert "the result, of type dict, cannot be sent between processes: its item 'kept'" in failed(
        op, ("give_a_lock",)
    )
    assert ask("echo") == ()


def test_a_result_that_cannot_be_read_in_the_parent_fails(op, add, ask):
    add()
    assert "the result cannot be read in the other process" in failed(op, ("give_unreadable",))
    assert ask("echo") == ()


def test_messages_of_any_size_go_over(add, ask):
    add()
    large = b"x" * 30_000_000
    assert ask("echo", large) == (large,)


def test_an_answer_for_which_there_is_no_memory_is_a_panic_and_takes_its_child_with_it(
    add, ask, monkeypatch
):
    """What is left of it would be taken for the beginning of the next one."""
    read = wire.Link._read

    def read_in_part(link, data, count):
        if count > 1_000_000:
            link._socket.recv(1000)
            raise MemoryError
        return read(link, data, count)

    worker = add()
    with monkeypatch.context() as patch:
        patch.setattr(wire.Link, "_read", read_in_part)
        with pytest.raises(HandlerPanickedError, match="no memory for its answer"):
            ask("echo", b"x" * 2_000_000)
    assert ask("echo", 1) == (1,)
    assert worker.snapshot().panics == 1


def test_an_outcome_for_which_a_child_has_no_memory_ends_it_rather_than_its_wait(op, add, ask):
    worker = add()
    op.add_handler("large", lambda ctx: done(b"x" * 60_000_000), Config(message_only=True))
    op.start("large")
    pid = ask("limit_memory", 30_000_000)
    with pytest.raises(HandlerPanickedError, match=f"{pid} ended with exit code 1"):
        ask("send", "large", 1)
    assert ask("echo", 1) == (1,)
    assert worker.snapshot().panics == 1


def test_an_outcome_that_cannot_go_to_the_child_that_asked_is_an_error_there(op, add, ask):
    add()
    op.add_handler("locks", lambda ctx: done(threading.Lock()), Config(message_only=True))
    op.start("locks")
    with pytest.raises(HandlerPanickedError, match="the outcome, of type lock, cannot be sent"):
        ask("send", "locks", 1)


def test_a_child_that_sends_what_cannot_be_pickled_is_told_so_at_once(add, ask):
    add()
    with pytest.raises(HandlerPanickedError, match="the message, of type lock, cannot be sent"):
        ask("send_a_lock", "w")


def test_a_receipt_in_a_child_says_what_one_in_the_parent_says(op, add, ask):
    add()
    add("other")
    assert ask("send_and_watch", "other", ("echo", 1)) == (True, True, True, (1,))


def test_a_child_can_give_up_waiting(op, add, ask):
    add()
    op.add_handler("stopped", lambda ctx: done(), Config(message_only=True))
    text, is_done, delivered = ask("send_and_give_up", "stopped", 1)
    assert text == "no outcome from worker stopped within 0.01 seconds"
    assert (is_done, delivered) == (False, False)
    # What nobody waits for any more is not kept: neither the wait nor, later, the receipt.
    assert ask("echo") == ()


def test_a_thread_of_the_handler_sends_and_waits_as_well_also_for_the_own_worker(op, add, ask):
    add()
    add("other")
    assert ask("send_in_a_thread", "other", ("echo", 1)) == [(1,)]


def test_a_dispatch_that_times_out_in_the_parent_does_so_in_the_child(op, add, ask):
    add()
    op.add_handler("full", lambda ctx: done(), Config(message_only=True, mailbox_size=1))
    with pytest.raises(HandlerPanickedError, match="dispatch timeout: no room in the mailbox"):
        ask("send_with_timeout", "full", 0.01, 1, 2)
    assert len(op._cores["full"].mailbox.senders) == 0


def test_the_parent_keeps_no_receipt_that_nobody_in_the_child_holds(op, add, ask):
    add()
    op.add_handler("sink", lambda ctx: done(), Config(message_only=True))
    op.start("sink")
    for _ in range(5):
        ask("send_without_waiting", "sink", *range(100))
    errands = errands_of(op)
    assert len(errands._receipts) < 5
    assert errands._waits == {}


def test_nor_one_of_a_message_that_was_refused(op, add, ask):
    add()
    op.add_handler("full", lambda ctx: done(), Config(message_only=True, mailbox_size=1))
    op.dispatch("full", 1)
    for _ in range(3):
        with pytest.raises(HandlerPanickedError, match="dispatch timeout"):
            ask("send_with_timeout", "full", 0, 2)
    assert errands_of(op)._receipts == {}


def errands_of(op):
    (slot,) = op._cores["w"].run.slots
    return slot.calls.handle.__self__._attendant.errands


@pytest.fixture
def noted(monkeypatch):
    """Give the event that is set when a wait of a handler in a child has been noted."""
    event, note = threading.Event(), waits.waits_without_limit

    @contextmanager
    def noting(*arguments):
        with note(*arguments) as look_again:
            event.set()
            yield look_again

    monkeypatch.setattr(waits, "waits_without_limit", noting)
    return event


def test_a_wait_for_a_message_that_a_stop_leaves_to_nobody_ends_with_it(op, add, noted, tmp_path):
    fifo = Fifo(tmp_path / "fifo")
    add(concurrency=2, stop_grace=3600)
    passing = op.dispatch("w", ("pass", fifo.path))
    passing.wait_delivered(DEADLINE)
    # The other slot of its worker may take this, as long as that is not to stop.
    sending = op.dispatch("w", ("send", "w", ("echo",)))
    assert noted.wait(DEADLINE)
    stopped = op.stop("w")
    try:
        with pytest.raises(MessageDroppedError) as dropped:
            sending.result(DEADLINE)
    finally:
        fifo.open()
    assert "these workers wait for each other: w -> w" in str(dropped.value.__cause__)
    stopped.result(DEADLINE)
    passing.result(0)
